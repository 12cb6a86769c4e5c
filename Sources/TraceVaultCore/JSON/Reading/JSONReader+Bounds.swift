// JSONReader+Bounds.swift - what may be in a text, by where it comes from.

extension JSONReader {
    package struct Bounds {
        let depth: Int
        /// One value in so many bytes at the least, beyond the few there may always be.
        let leastBytes: Int
        let most: Int
        /// Any number of texts, each on lines of its own.
        let isLines: Bool

        /// Whatever a server sends.
        package static let reply = Bounds(
            depth: JSONReader.maxDepth, leastBytes: JSONReader.leastBytes,
            most: JSONReader.maxTokens, isLines: false)
        /// What this library wrote, or says that it did: with a reply in it, a few levels deeper,
        /// and as many values as there are commas.
        package static let document = Bounds(
            depth: JSONReader.maxDepth + 16, leastBytes: 2, most: Int(Int32.max), isLines: true)

        func most(in count: Int) -> Int { min(most, max(JSONReader.fewTokens, count / leastBytes)) }
    }
}
