// ConfigTests.swift - the table of settings: defaults, bounds, forms.

import Testing

@testable import TraceVaultCore

@Suite struct ConfigTests {
    @Test func everyDefaultPassesItsOwnCheck() throws {
        var config = Config()
        for setting in Setting.allCases {
            try config.set(setting, to: setting.property.standard)
        }
        _ = try TransportSettings(config)
    }

    @Test func unknownNamesAndValuesOutOfRangeAreTold() {
        #expect(throws: Failure.self) { try Config.setting(named: "http.maxconnections") }
        var config = Config()
        for (setting, value) in [
            (Setting.maxInFlight, "0"), (.maxInFlight, "1025"), (.maxInFlight, "many"),
            (.maxInFlight, ""), (.allowHTTPLoopback, "yes"), (.httpVersion, "3"),
            (.caFile, "a\nb"), (.maxInFlight, "99999999999999999999"), (.firstByte, "0"),
        ] {
            #expect(throws: Failure.self) { try config.set(setting, to: value) }
        }
        #expect(config.int(.maxInFlight) == 128)
    }
}
