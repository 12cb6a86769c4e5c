// SettingTable.swift - what each setting may be, is without a word, and does: the one table behind
// tv_config_set(), the bounds, the messages and docs/CONFIGURATION.md. How they are set and read:
// ConfigValues.swift.

extension Setting {
    package var property: Property {
        switch self {
        case .baseURL:
            return Property(
                .address(.api, maxLength: 512), "https://api.cloudflare.com/client/v4",
                "Where the API lives. Its scheme, host and port must equal the origin that a "
                    + "credential was sealed for.")
        case .allowHTTPLoopback:
            return Property(
                .bool, "false",
                "Allow a plain http api.base_url or s3.endpoint, to a loopback address only.")
        case .caFile:
            return Property(
                .text(maxLength: 4096), "",
                "File with the certificate authorities to trust (PEM). Empty: the system's.")
        case .proxy:
            return Property(
                .address(.proxy, maxLength: 512), "",
                "Proxy as a URL: SCHEME://[USER:PASSWORD@]HOST:PORT, with http, https, socks4, "
                    + "socks4a, socks5 or socks5h. Empty: none; proxy variables of the environment "
                    + "are ignored.")
        case .proxyCAFile:
            return Property(
                .text(maxLength: 4096), "",
                "File with the certificate authorities to trust for an https:// proxy (PEM). "
                    + "Empty: those of tls.ca_file. A proxy that looks into TLS signs for the "
                    + "server with its own authority: that one belongs into tls.ca_file.")
        case .httpVersion:
            return Property(
                .choice(["auto", "1.1"]), "auto",
                "auto: HTTP/2 where the server offers it, for API tokens. Global keys always "
                    + "travel over HTTP/1.1.")
        case .connectTimeout:
            return Property(.integer(1...60_000), "10000", "Longest time to connect, in ms.")
        case .firstByte:
            return Property(
                .integer(1...3_600_000), "60000",
                "Longest wait for a reply to begin, from when the request was sent, in ms; then "
                    + "the try has failed. After that silence counts: a reply of which less than "
                    + "64 bytes a second come for 20 s has broken off.")
        case .maxReplyBytes:
            return Property(
                .integer(1024...67_108_864), "33554432",
                "Largest reply accepted, in bytes after decompression.")
        case .maxConnections:
            return Property(
                .integer(1...64), "8",
                "Most connections to the API at once, of each kind: those over HTTP/2 that carry "
                    + "many requests, and those that carry one, as over HTTP/1.1 and for global "
                    + "keys. Of these a tenant has no more than are free.")
        case .maxStreams:
            return Property(
                .integer(1...1000), "100",
                "Most requests at once on one HTTP/2 connection; its server may allow fewer. Of "
                    + "all of them, on all connections, a tenant has no more than are free.")
        case .maxQueued:
            return Property(
                .integer(1...1_000_000), "100000",
                "Most requests waiting, under way or finished but not taken. Beyond it, "
                    + "submitting fails with TV_E_QUEUE_FULL.")
        case .maxQueuedPerTenant:
            return Property(
                .integer(0...1_000_000), "0",
                "The same for one tenant. 0: no bound of its own; still, a tenant leaves room to "
                    + "the others: it has at most eight times as many as are free.")
        case .maxResultBytes:
            return Property(
                .integer(1_048_576...17_179_869_184), "268435456",
                "Most bytes of results that are not taken, and one result of each tenant. A tenant "
                    + "that has as many as are free waits until some of its own are taken; the "
                    + "others go on.")
        case .resultsCountUntil:
            return Property(
                .choice(["taken", "freed"]), "taken",
                "Until when a result counts in engine.max_result_bytes. taken: until the host has "
                    + "it. freed: until it has freed it as well, for hosts in which one thread "
                    + "takes the results of many, as the Python binding does.")
        case .maxNotices:
            return Property(
                .integer(0...100_000), "0",
                "Most notices that wait to be taken: results of the kind TV_RESULT_NOTICE. Of more "
                    + "the oldest goes of the tenant with the most. 0: none are made.")
        case .maxInFlight:
            return Property(.integer(1...1024), "128", "Most requests under way at once.")
        case .maxInFlightPerTenant:
            return Property(
                .integer(0...1024), "0",
                "The same for one tenant. 0: no bound of its own; still, a tenant leaves room to "
                    + "the others: it has at most eight times as many under way as are free, but "
                    + "where engine.max_in_flight is 8 or less it may have all.")
        case .deadline:
            return Property(
                .integer(1...86_400_000), "120000",
                "How long a request may take in all, waiting and retries included, in ms. For "
                    + "bulk requests without a deadline of their own the wait for their turn and "
                    + "for the quota does not count.")
        case .maxAttempts:
            return Property(.integer(1...20), "6", "Most tries of one request; HTTP 429 is none.")
        case .retryBase:
            return Property(
                .integer(1...60_000), "500",
                "Longest wait before the first retry, in ms; doubles with every try, and the "
                    + "wait is drawn between 0 and that (full jitter).")
        case .retryMaxDelay:
            return Property(
                .integer(1...600_000), "30000",
                "Longest wait of the engine's own choosing between two tries, in ms. A Retry-After "
                    + "and the pauses of wait_ms may be longer.")
        case .budgetQuota:
            return Property(
                .integer(0...1_000_000), "1200",
                "Requests Cloudflare allows one user in one window. 0 lifts the limit.")
        case .budgetWindow:
            return Property(
                .integer(1000...86_400_000), "300000", "Length of the quota's window, in ms.")
        case .budgetShare:
            return Property(
                .integer(1...100), "90",
                "How much of the quota to use, in per cent; the rest is left to people in the "
                    + "dashboard.")
        case .originPerSecond:
            return Property(
                .integer(0...100_000), "200",
                "Requests a second that Cloudflare allows one address; budget.share_percent of it "
                    + "is used, by all processes of the ledger together. 0 lifts the limit.")
        case .ledger:
            return Property(
                .text(maxLength: 4000), "auto",
                "Where the processes of a host keep what they have spent of each quota. auto: a "
                    + "file below /var/tmp for this user, but for a loopback server each process "
                    + "keeps its own; private: each process keeps its own; otherwise the absolute "
                    + "path of a file that they share and no other user may read or write.")
        case .redisAddresses:
            return Property(
                .address(.redis, maxLength: 4096), "",
                "The Redis or Valkey in which many hosts keep one quota: redis://HOST:PORT, or "
                    + "rediss://HOST:PORT with TLS; several with commas between are tried in "
                    + "turn. Empty: the hosts know nothing of each other.")
        case .redisCAFile:
            return Property(
                .text(maxLength: 4096), "",
                "File with the authorities (PEM) to trust for rediss://. Empty: the system's.")
        case .redisLogin:
            return Property(
                .text(maxLength: 4096), "",
                "Where user and password for Redis are: file:PATH of a file that only its owner "
                    + "may read, or credential:NAME of systemd. One line is the password, two "
                    + "are the user and the password. Empty: from tv_config_secret(), or none.")
        case .redisPrefix:
            return Property(
                .text(maxLength: 64), "tracevault",
                "What the names of the keys in Redis begin with, in braces. Hosts with the same "
                    + "prefix share their quotas.")
        case .redisTimeout:
            return Property(
                .integer(10...10_000), "500",
                "How long an answer of Redis may take, in ms. Then this host uses its share of "
                    + "the quota alone, and tries again.")
        case .redisHosts:
            return Property(
                .integer(1...10_000), "10",
                "How many hosts share the quota, for one that Redis has not told yet: it uses "
                    + "one part of so many.")
        case .credentialRetry:
            return Property(
                .integer(1000...86_400_000), "60000",
                "How long a credential that Cloudflare refused, and one that had worked refused "
                    + "twice, is not tried again, in ms, unless the vault gets another one.")
        case .cacheBytes:
            return Property(
                .integer(0...1_073_741_824), "16777216",
                "Most bytes of complete traces kept for requests of the same; a tenant that has a "
                    + "quarter keeps no new one until old ones go.")
        case .cacheAge:
            return Property(
                .integer(0...86_400_000), "60000",
                "How long a complete trace is kept, in ms; 0 keeps none. Moves after delivery make "
                    + "even a complete trace grow.")
        case .kdfMemory:
            return Property(
                .integer(19_456...1_048_576), "262144",
                "Memory that guessing a passphrase costs where a new vault is made, in KiB. A file "
                    + "that asks for more than this and than 524288 is not opened by a passphrase.")
        case .kdfPasses:
            return Property(.integer(2...10), "3", "Passes over it, of at most 4 GiB together.")
        case .lockTimeout:
            return Property(
                .integer(0...600_000), "10000",
                "How long an edit waits for another writer of the vault, in ms. One that was "
                    + "stopped while it waited itself costs the others half of it, once. Writers "
                    + "of a vault in memory wait for each other without a limit.")
        case .minGeneration:
            return Property(
                .integer(0...Int64.max), "0",
                "The oldest generation of a vault that is opened: a lower one is refused with "
                    + "TV_E_ROLLBACK. Keep what tv_vault_generation() gave where an attacker who "
                    + "can put back an old file cannot.")
        case .refresh:
            return Property(
                .integer(100...60_000), "500",
                "How long a vault that is in use is left alone before the library looks again "
                    + "whether it was changed, in ms. A change of a file is used at most 1.5 s "
                    + "later than that, one of an object 1 s, where the store answers within "
                    + "0.2 s. For an object it is 2000 where it is not set: each look is one "
                    + "request there, up to an eighth earlier, and the pause doubles with each "
                    + "look that fails, to 30 s at most.")
        case .maxStale:
            return Property(
                .integer(0...31_536_000_000), "900000",
                "How long a vault is used that cannot be followed, in ms: one that cannot be "
                    + "read, is gone, is another one, was rekeyed, or whose handle was freed. "
                    + "Then nothing of it is lent any more (TV_E_STALE). 0: for ever.")
        case .s3Endpoint:
            return Property(
                .address(.store, maxLength: 512), "",
                "The object store that keeps vaults at s3://BUCKET/KEY: https://HOST[:PORT]. "
                    + "Empty: that of AWS in s3.region. Plain http with api.allow_http_loopback "
                    + "only.")
        case .s3Region:
            return Property(
                .text(maxLength: 64), "us-east-1",
                "The region that requests to the object store are signed for; auto for Cloudflare "
                    + "R2, any word for stores that have none.")
        case .s3Style:
            return Property(
                .choice(["path", "host"]), "path",
                "Where the bucket stands in the object's URL: path: https://HOST/BUCKET/KEY; host: "
                    + "https://BUCKET.HOST/KEY.")
        case .s3Keys:
            return Property(
                .text(maxLength: 4096), "",
                "Where the object store's access key and secret key come from. Empty: from "
                    + "tv_config_secret(); file:PATH or credential:NAME (of systemd): a file of "
                    + "two lines, the access key and the secret key, or a third one with the "
                    + "session token; environment: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and "
                    + "AWS_SESSION_TOKEN. Read when a vault is created, opened or exported.")
        case .s3CAFile:
            return Property(
                .text(maxLength: 4096), "",
                "File with the authorities (PEM) to trust for the store. Empty: the system's.")
        case .s3Proxy:
            return Property(
                .address(.proxy, maxLength: 512), "",
                "Proxy for the object store, as in http.proxy. Empty: none.")
        case .s3Timeout:
            return Property(
                .integer(100...600_000), "30000",
                "Longest time of a request to the store, in ms; a change takes about three times "
                    + "that at most, and `vault.lock_timeout_ms` more where other writers are "
                    + "faster again and again.")
        case .s3CopyFile:
            return Property(
                .text(maxLength: 4096), "",
                "File with a sealed copy of a vault in an object store, to open while the store is "
                    + "away. What is older than it is refused (TV_E_ROLLBACK). Empty: none.")
        }
    }
}
