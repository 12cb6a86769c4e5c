// StoreKeys.swift - what opens the object store: access key, secret key, session token.
//
// Each stays in guarded memory from the first byte on. Where they come from is a setting, s3.keys;
// what they are is none.

#if canImport(Glibc)
    import Glibc
#endif

struct StoreKeys: Sendable {
    let accessKey: KeptSecret
    let secretKey: KeptSecret
    let sessionToken: KeptSecret?

    /// As many bytes a file of them has.
    private static let sizes: ClosedRange<Int> = 3...2048

    private static let filePrefix = "file:"
    private static let credentialPrefix = "credential:"

    private init(
        _ accessKey: KeptSecret?, _ secretKey: KeptSecret?, _ sessionToken: KeptSecret?,
        _ place: String
    ) throws(Failure) {
        guard let accessKey, let secretKey else {
            throw Failure(
                .configValue,
                "the object store's access key and secret key are missing in \(place)")
        }
        self.accessKey = accessKey
        self.secretKey = secretKey
        self.sessionToken = sessionToken
    }

    /// Reads them from where s3.keys says.
    init(
        from source: String, given: NamedSecrets, files: any FileSystem = SystemFiles()
    ) throws(Failure) {
        if source.isEmpty {
            try self.init(
                given.get(.accessKey), given.get(.secretKey), given.get(.sessionToken),
                "the configuration's secrets, and s3.keys names no other place")
        } else if source == "environment" {
            try self.init(
                Self.variable("AWS_ACCESS_KEY_ID", .accessKey),
                Self.variable("AWS_SECRET_ACCESS_KEY", .secretKey),
                Self.variable("AWS_SESSION_TOKEN", .sessionToken), "the environment")
        } else if source.hasPrefix(Self.filePrefix) {
            let path = String(source.dropFirst(Self.filePrefix.count))
            try self.init(
                in: SecretFile(path: path, "file of s3.keys", sizes: Self.sizes, files: files))
        } else if source.hasPrefix(Self.credentialPrefix) {
            let name = String(source.dropFirst(Self.credentialPrefix.count))
            try self.init(in: SecretFile(credential: name, sizes: Self.sizes, files: files))
        } else {
            throw Failure(
                .configValue,
                "s3.keys must be empty, environment, file:PATH or credential:NAME")
        }
    }

    /// The variable's value; nil when it is not set or empty.
    private static func variable(
        _ variable: String, _ name: NamedSecrets.Name
    ) throws(Failure) -> KeptSecret? {
        guard let value = unsafe getenv(variable), unsafe value.pointee != 0 else { return nil }
        // One more than the limit is enough to know that it is too long.
        let count = unsafe strnlen(value, name.most + 1)
        return try KeptSecret(
            unsafe NamedSecrets.checked(
                name, SecretBytes(copying: UnsafeRawBufferPointer(start: value, count: count))))
    }

    /// Reads a file: the access key, the secret key and, where there is one, the session token,
    /// each in a line of its own.
    private init(in file: borrowing SecretFile) throws(Failure) {
        let content = try SecretBytes(count: file.size)
        var lines: [Range<Int>] = []
        try unsafe content.withUnsafeMutableBytes { (bytes) throws(Failure) in
            let count = try unsafe file.fill(bytes)
            unsafe lines = Self.lines(UnsafeRawBufferPointer(rebasing: bytes[..<count]))
        }
        let names: [NamedSecrets.Name] = [.accessKey, .secretKey, .sessionToken]
        guard (2...3).contains(lines.count) else {
            throw Failure(
                .credentialFormat,
                "the file of s3.keys must have two lines, the access key and the secret key, or a "
                    + "third one with the session token")
        }
        var found: [KeptSecret] = []
        for (name, line) in zip(names, lines) {
            let secret = try unsafe content.withUnsafeBytes { (bytes) throws(Failure) in
                try unsafe SecretBytes(copying: UnsafeRawBufferPointer(rebasing: bytes[line]))
            }
            found.append(KeptSecret(try NamedSecrets.checked(name, secret)))
        }
        try self.init(found[0], found[1], found.count > 2 ? found[2] : nil, "the file")
    }

    /// Where the lines are that are not empty, without spaces around them.
    private static func lines(_ bytes: UnsafeRawBufferPointer) -> [Range<Int>] {
        var lines: [Range<Int>] = []
        var start = 0
        while start < bytes.count {
            var end = start
            while end < bytes.count, unsafe bytes[end] != 0x0A { end += 1 }
            let next = end + 1
            while start < end, unsafe bytes[start] <= 0x20 { start += 1 }
            while end > start, unsafe bytes[end - 1] <= 0x20 { end -= 1 }
            if start < end { lines.append(start..<end) }
            start = next
        }
        return lines
    }
}
