// CredentialAdvice.swift - what to look at when Cloudflare refuses a credential: its own text for
// these codes is short, and the same few mistakes are behind them.

enum CredentialAdvice {
    private static let badToken: Int64 = 6111
    private static let badKey: Int64 = 6103
    private static let unknownToken: Int64 = 1000
    private static let notUsable: Int64 = 9109
    private static let notAuthenticated: Int64 = 10000

    /// Of an error and its causes the one that tells most.
    static func cause(_ errors: [ReplyError]) -> ReplyError? {
        let telling = [badToken, badKey, unknownToken, notUsable]
        return errors.first { telling.contains($0.code) } ?? errors.first
    }

    static func text(_ error: ReplyError?) -> String {
        switch error?.code {
        case badToken:
            "the Authorization header has a form that it does not take: look whether the stored "
                + "token has quotes around it, is the name of a variable, or is a Global API Key, "
                + "which is put with its e-mail address"
        case badKey:
            "the X-Auth-Key header has a form that it does not take: look whether the stored key "
                + "is an API token, which is put without an e-mail address"
        case unknownToken:
            "it does not know this token: look whether it was revoked or rolled, or lost a part "
                + "when it was copied"
        case notUsable where namesLocation(error?.message ?? ""):
            "the token is limited to certain addresses: look at its client IP address filtering, "
                + "and at the address that this host or http.proxy has towards the internet"
        case notUsable:
            "look whether the token belongs to this account, and has not expired"
        case notAuthenticated:
            "it is refused, or lacks the permission Cloud Email Security: Read: Cloudflare does "
                + "not tell these apart, a check with the option access does"
        default:
            "store a valid one with the permission Cloud Email Security: Read"
        }
    }

    private static func namesLocation(_ message: String) -> Bool {
        message.lowercased().split(separator: " ").contains { $0.hasPrefix("location") }
    }
}
