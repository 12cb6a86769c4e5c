// StoreSettings.swift - how an object store is reached: checked settings of one vault's place.

struct StoreSettings: Sendable {
    let transport: TransportSettings
    /// Of the object's URL, escaped.
    let path: String
    let region: String
    let timeoutMs: Int

    var origin: Origin { transport.base.origin }
    /// As libcurl writes it into the Host header.
    var host: String { String(origin.text.dropFirst(origin.isPlain ? 7 : 8)) }

    init(_ address: ObjectAddress, _ config: Config) throws(Failure) {
        region = config.text(.s3Region)
        guard !region.isEmpty, region.utf8.allSatisfy(Self.isOfRegion) else {
            throw Failure(.configValue, "s3.region must be letters, digits and hyphens")
        }
        let isHostStyle = config.text(.s3Style) == "host"
        let endpoint = try Self.endpoint(config, region)
        transport = try TransportSettings(
            store: try address.origin(endpoint, isHostStyle: isHostStyle), config)
        path = address.path(isHostStyle: isHostStyle)
        timeoutMs = config.int(.s3Timeout)
    }

    private static func isOfRegion(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte | 0x20)
            || byte == UInt8(ascii: "-")
    }

    private static func endpoint(_ config: Config, _ region: String) throws(Failure) -> Origin {
        let given = config.text(.s3Endpoint)
        let text = given.isEmpty ? "https://s3.\(region).amazonaws.com" : given
        guard let endpoint = AddressForm.storeOrigin(text) else {
            throw Failure(.configValue, "s3.endpoint must be " + AddressForm.store.rule)
        }
        guard !endpoint.isPlain || config.bool(.allowHTTPLoopback) else {
            throw Failure(
                .configValue,
                "s3.endpoint is plain http; set api.allow_http_loopback to true for a test server")
        }
        return endpoint
    }
}

extension TransportSettings {
    /// Of an object store: HTTP/1.1, where no connection has a second request, so that libcurl
    /// never sends one again by itself, and no answer can be another request's.
    fileprivate init(store origin: Origin, _ config: Config) throws(Failure) {
        base = BaseURL(origin)
        caFile = config.file(.s3CAFile)
        proxyCAFile = nil
        proxy = ProxyURL(config.text(.s3Proxy))
        guard proxy == nil || !origin.isPlain else {
            throw Failure(.configValue, "s3.proxy cannot be used with a plain http s3.endpoint")
        }
        http2 = false
        connectTimeoutMs = max(1, config.int(.s3Timeout) / 3)
        firstByteMs = config.int(.s3Timeout)
        maxReplyBytes = VaultLayout.maximumCount
        maxConnections = 4
        maxStreams = 1
        userAgent = "tracevault/" + Library.version
    }
}
