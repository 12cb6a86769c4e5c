// RedisLogin.swift - who we are for Redis: a password, and a user where its ACL names one. Both are
// kept as the finished command in guarded memory; no String is ever made of them.

package final class RedisLogin: Sendable {
    private let command: SecretBytes

    private static let sizes: ClosedRange<Int> = 1...1024
    private static let filePrefix = "file:"
    private static let credentialPrefix = "credential:"

    /// - Parameter words: the password, or the user and the password.
    package init(_ words: [UnsafeRawBufferPointer]) throws(Failure) {
        var heads = ["*\(unsafe words.count + 1)\r\n$4\r\nAUTH\r\n"]
        heads += unsafe words.map { "$\($0.count)\r\n" }
        let secret = unsafe words.reduce(0) { $0 + $1.count + 2 }
        command = try SecretBytes(count: heads.reduce(secret) { $0 + $1.utf8.count })
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
            for index in unsafe words.indices {
                add(heads[index + 1])
                unsafe add(words[index])
                add("\r\n")
            }
        }
    }

    /// Of what the host handed over; nil where that is nothing.
    private static func given(_ secrets: NamedSecrets) throws(Failure) -> RedisLogin? {
        let user = secrets.get(.redisUser)
        guard let password = secrets.get(.redisPassword) else {
            guard user == nil else {
                throw Failure(.configValue, "the secret redis.user needs redis.password beside it")
            }
            return nil
        }
        return try unsafe password.bytes.withUnsafeBytes { (password) throws(Failure) in
            guard let user else { return try unsafe RedisLogin([password]) }
            return try unsafe user.bytes.withUnsafeBytes { (user) throws(Failure) in
                try unsafe RedisLogin([user, password])
            }
        }
    }

    /// Reads what the setting redis.login names, or takes what was handed over where it names
    /// nothing; nil where there is neither.
    package static func read(
        _ source: String, given secrets: NamedSecrets, files: any FileSystem = SystemFiles()
    ) throws(Failure) -> RedisLogin? {
        if source.isEmpty { return try given(secrets) }
        if source.hasPrefix(filePrefix) {
            let path = String(source.dropFirst(filePrefix.count))
            return try read(
                SecretFile(path: path, "file of redis.login", sizes: sizes, files: files))
        }
        if source.hasPrefix(credentialPrefix) {
            let name = String(source.dropFirst(credentialPrefix.count))
            return try read(SecretFile(credential: name, sizes: sizes, files: files))
        }
        throw Failure(.configValue, "redis.login must be empty, file:PATH or credential:NAME")
    }

    /// One line is the password, two are the user and the password.
    private static func read(_ file: borrowing SecretFile) throws(Failure) -> RedisLogin {
        let content = try SecretBytes(count: file.size)
        return try unsafe content.withUnsafeMutableBytes { (bytes) throws(Failure) in
            let count = try unsafe file.fill(bytes)
            let lines = unsafe UnsafeRawBufferPointer(rebasing: bytes[..<count])
                .split { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") }
            guard unsafe (1...2).contains(lines.count) else {
                throw Failure(
                    .credentialFormat,
                    "the file of redis.login must have one line, the password, or two, the user "
                        + "and the password")
            }
            return try unsafe RedisLogin(
                lines.map { unsafe UnsafeRawBufferPointer(rebasing: $0) })
        }
    }

    func send(_ body: (UnsafeRawBufferPointer) throws(Failure) -> Void) throws(Failure) {
        try unsafe command.withUnsafeBytes(body)
    }
}
