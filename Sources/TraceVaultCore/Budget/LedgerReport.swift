// LedgerReport.swift - what a host is told of its ledger.

/// What a ledger is, for statistics.
package struct LedgerReport: Sendable, Equatable {
    package let isShared: Bool
    /// "" when the setting names no file.
    package let path: String
    /// Why it is not shared although it should be; "" otherwise.
    package let reason: String
    /// Slots in use, of groups that came in the last hour and some older ones.
    package let groups: Int
    /// How often a group had to be put into the process's own table.
    package let overflows: Int
    /// How often one found no room there either, and had to share one budget with all such.
    package let crowdings: Int
}
