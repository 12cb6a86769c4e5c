// Authorities.swift - the certificate authorities of one state of a file, as OpenSSL keeps them.

import CCurl
import CSystem
import Synchronization

/// Read once and shared by all connections: libcurl would read them for each. Never changed.
@safe
final class Authorities: @unchecked Sendable {
    /// OpenSSL's; nil where the text holds none, one that is damaged, or too many, or exit() did
    /// not wait for them.
    let store: UnsafeMutableRawPointer?
    let areTooMany: Bool
    /// One of them as PEM.
    let one: [UInt8]
    /// A path where nothing can be, other for each state. libcurl takes it for a directory of
    /// authorities and compares it: a request under one state of trust neither uses a connection
    /// nor resumes a TLS session that was made under another. Nobody looks there: what libcurl
    /// makes of it is replaced by `store`.
    private let mark = "/dev/null/\(Authorities.count.wrappingAdd(1, ordering: .relaxed).newValue)"
    private static let count = Atomic<Int>(0)
    /// Seven times what distributions have.
    static let mostCertificates = 1000

    /// Whether exit() waits for who reads them.
    private final class End: Sendable {
        let hasCome = Atomic<Bool>(false)
    }

    init(_ pem: [UInt8]) {
        let end = End()
        var found = unsafe tvs_certificates()
        unsafe found.reader = Unmanaged.passUnretained(end).toOpaque()
        unsafe found.is_over = { reader in
            guard let reader = unsafe reader else { return false }
            let end = unsafe Unmanaged<End>.fromOpaque(reader).takeUnretainedValue()
            return end.hasCome.load(ordering: .relaxed)
        }
        // What stops it keeps `end` for as long.
        let made = unsafe LiveCalls.run(stop: { end.hasCome.store(true, ordering: .relaxed) }) {
            unsafe pem.withUnsafeBytes { bytes in
                unsafe tvs_authorities_new(
                    bytes.baseAddress, bytes.count, Self.mostCertificates, &found)
            }
        }
        unsafe store = made ?? nil
        areTooMany = unsafe found.count > Self.mostCertificates
        let place = unsafe found.first..<found.first + found.length
        one = place.isEmpty ? [UInt8(ascii: "\n")] : Array(pem[place])
    }

    /// From here on libcurl takes no file for its own default.
    private static let defaultsReturn: UInt32 = 0x08_11_00
    private static let needsOne =
        unsafe (curl_version_info(CURLVERSION_TENTH)?.pointee.version_num ?? .max) >= defaultsReturn

    /// What a transfer is given where libcurl would read a file otherwise: of the server's and of
    /// its proxy's one authority each, as every connection reads them. What counts is in the watch.
    /// libcurl's codes, 0 when it took it.
    static func give(_ trust: [Authorities], to easy: UnsafeMutableRawPointer) -> [Int32] {
        let marks = zip([CURLOPT_CAPATH, CURLOPT_PROXY_CAPATH], trust).map { option, known in
            unsafe tvs_curl_set_text(easy, option.rawValue, known.mark)
        }
        guard needsOne else { return marks }
        return marks
            + zip([CURLOPT_CAINFO_BLOB, CURLOPT_PROXY_CAINFO_BLOB], trust).map { option, known in
                unsafe known.giveOne(to: easy, as: option)
            }
    }

    func giveOne(to easy: UnsafeMutableRawPointer, as option: CURLoption) -> Int32 {
        unsafe one.withUnsafeBytes { bytes in
            unsafe tvs_curl_set_blob(easy, option.rawValue, bytes.baseAddress, bytes.count)
        }
    }

    deinit {
        guard let store = unsafe store else { return }
        _ = LiveCalls.run { unsafe tvs_authorities_free(store) }
    }
}
