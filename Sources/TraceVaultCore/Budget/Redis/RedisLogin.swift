// RedisLogin.swift - who we are for Redis: a password, and a user where its ACL names one. Both are
// kept as the finished command in guarded memory; no String is ever made of them.

package final class RedisLogin: Sendable {
    private let command: SecretBytes

    /// - Parameter user: nil for the default user.
    package init(
        user: UnsafeRawBufferPointer?, password: UnsafeRawBufferPointer
    ) throws(Failure) {
        var parts = unsafe [password]
        if let user = unsafe user { unsafe parts.insert(user, at: 0) }
        var heads = ["*\(unsafe parts.count + 1)\r\n$4\r\nAUTH\r\n"]
        heads += unsafe parts.map { "$\($0.count)\r\n" }
        let length = heads.reduce(0) { $0 + $1.utf8.count }
        let secret = unsafe parts.reduce(0) { $0 + $1.count + 2 }
        command = try SecretBytes(count: length + secret)
        unsafe command.withUnsafeMutableBytes { room in
            var place = 0
            func add(_ bytes: UnsafeRawBufferPointer) {
                unsafe UnsafeMutableRawBufferPointer(rebasing: room[place...])
                    .copyMemory(from: bytes)
                place += bytes.count
            }
            func add(_ text: String) {
                var text = text
                text.withUTF8 { unsafe add(UnsafeRawBufferPointer($0)) }
            }
            add(heads[0])
            for index in unsafe parts.indices {
                add(heads[index + 1])
                unsafe add(parts[index])
                add("\r\n")
            }
        }
    }

    func send(_ body: (UnsafeRawBufferPointer) throws(Failure) -> Void) throws(Failure) {
        try unsafe command.withUnsafeBytes(body)
    }
}
