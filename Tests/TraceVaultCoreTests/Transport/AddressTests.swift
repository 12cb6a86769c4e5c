// AddressTests.swift - which URLs of the API and of proxies are taken.

import Testing

@testable import TraceVaultCore

@Suite struct BaseURLTests {
    @Test(arguments: [
        ("https://API.Cloudflare.com:443", "https://api.cloudflare.com"),
        ("https://localhost:8443", "https://localhost:8443"),
        ("http://127.0.0.1:80", "http://127.0.0.1"),
        ("https://[::1]:9", "https://[::1]:9"),
    ]) func originsHaveOneSpelling(given: String, expected: String) {
        #expect(Origin(given)?.text == expected)
    }

    @Test(arguments: [
        "", "https://", "ftp://a", "https://user@host", "https://a/b", "https://a:0", "https://a:b",
        "https://a:65536", "http://example.com", "https://a b", "https://a\r\nX: y", "//a", "a:80",
        "https://127.0.0.1:+5", "https://host:", "http://localhost.example.com",
    ]) func anythingElseIsNoOrigin(given: String) {
        #expect(Origin(given) == nil)
    }

    @Test func plainHTTPNeedsToBeAllowed() throws {
        #expect(throws: Failure.self) {
            try BaseURL("http://127.0.0.1:8080/v4", allowHTTPLoopback: false)
        }
        #expect(try BaseURL("http://127.0.0.1:8080/v4", allowHTTPLoopback: true).path == "/v4")
    }

    @Test(arguments: ["https://h/a/../b", "https://h/a?b", "https://h/%2e", "https://h/a#b"])
    func pathsThatCouldLeadElsewhereAreRefused(given: String) {
        #expect(throws: Failure.self) { try BaseURL(given, allowHTTPLoopback: false) }
    }
}

@Suite struct ProxyURLTests {
    @Test(arguments: [
        ("http://proxy.example:3128", "http://proxy.example:3128"),
        ("HTTPS://Proxy.Example:443/", "https://proxy.example:443"),
        ("http://user:p%40ss:w0rd@10.0.0.1:8080", "http://10.0.0.1:8080"),
        ("socks5h://user@[::1]:1080", "socks5h://[::1]:1080"),
    ]) func aProxyIsNamedWithoutItsLogin(given: String, name: String) throws {
        #expect(ProxyURL(given)?.name == name)
        #expect(ProxyURL(given)?.text == given)
        var config = Config()
        try config.set(.proxy, to: given)
    }

    @Test(arguments: [
        "proxy", "proxy.example:3128", "http://", "http://proxy.example", "http://proxy.example:0",
        "http://proxy.example:99999", "ftp://a:1", "http://a b:1", "http://a:1/path",
        "http://a:1?x",
        "http://@a:1", "http://:secret@a:1", "http://us er@a:1", "http://u/v@a:1", "http//a:1",
        "http://a:1 ", "://a:1", "http://a:1\n",
    ]) func nonsenseIsRefusedWhenItIsSet(given: String) {
        #expect(ProxyURL(given) == nil)
        var config = Config()
        #expect(throws: Failure.self) { try config.set(.proxy, to: given) }
        do { try config.set(.proxy, to: given) } catch { #expect(error.status == .configValue) }
    }
}
