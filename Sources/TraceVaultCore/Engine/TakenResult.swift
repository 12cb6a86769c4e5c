// TakenResult.swift - a result that the host has, until it is freed.

package final class TakenResult: Sendable {
    package let result: RequestResult
    /// In whose bound its bytes count until then; nil: they count no more.
    private weak let engine: Engine?

    init(_ result: RequestResult, countedBy engine: Engine?) {
        self.result = result
        self.engine = engine
    }

    deinit { engine?.freed(result) }
}
