// RedisSettings.swift - the settings of the shared quota, read once.

package struct RedisSettings: Sendable {
    package let addresses: [RedisAddress]
    /// What the names of our keys begin with.
    let prefix: String
    /// Without a path: the system's authorities.
    let caFile: SettingFile
    /// Nil: Redis asks for none.
    package let login: RedisLogin?
    let timeoutMs: Int64
    /// How many hosts there may be, until Redis has told.
    let hosts: Int64

    /// Nil where no address is set: one host, one ledger.
    package init?(_ config: Config, _ secrets: NamedSecrets) throws(Failure) {
        addresses = try RedisAddress.list(config.text(.redisAddresses))
        guard !addresses.isEmpty else { return nil }
        prefix = config.text(.redisPrefix)
        guard !prefix.isEmpty, prefix.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7B }) else {
            throw Failure(
                .configValue, "redis.prefix must be plain ASCII without spaces and braces")
        }
        caFile = config.file(.redisCAFile)
        login = try RedisLogin.read(config.text(.redisLogin), given: secrets)
        timeoutMs = config.integer(.redisTimeout)
        hosts = config.integer(.redisHosts)
    }

    func key(of group: UInt64) -> String {
        let digits = String(group, radix: 16)
        return tag + "quota:" + String(repeating: "0", count: 16 - digits.count) + digits
    }

    var hostsKey: String { tag + "hosts" }
    /// In braces: a cluster keeps all keys in one place, so that one connection reaches them.
    private var tag: String { "{" + prefix + "}:" }
}
