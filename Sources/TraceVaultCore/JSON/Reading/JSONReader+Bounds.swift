// JSONReader+Bounds.swift - what may be in a text, by where it comes from.

extension JSONReader {
    package struct Bounds {
        let depth: Int
        /// One value in so many bytes at the least, beyond the few there may always be.
        let leastBytes: Int
        let most: Int
        /// How many members an object may have.
        let members: Int
        /// Any number of texts, each on lines of its own.
        let isLines: Bool

        /// Whatever a server sends.
        package static let reply = Bounds(
            depth: JSONReader.maxDepth, leastBytes: JSONReader.leastBytes,
            most: JSONReader.maxTokens, members: JSONReader.maxMembers, isLines: false)
        /// What this library wrote, or says that it did: with a reply in it, a few levels deeper,
        /// and as many values as there are commas.
        package static let document = Bounds(
            depth: JSONReader.maxDepth + 16, leastBytes: 2, most: Int(Int32.max),
            members: Int(Int32.max), isLines: true)

        func most(in count: Int) -> Int { min(most, max(JSONReader.fewTokens, count / leastBytes)) }

        /// Throws where an object has too many members. Most texts are shorter than that.
        func checkMembers(_ tape: JSONTape) throws(Failure) {
            guard tape.count > 2 * members else { return }
            for index in 0..<tape.count {
                let token = tape[index]
                guard token.kind == .object, Int(token.next) - index > 2 * members else { continue }
                var (key, count) = (index + 1, 0)
                while key + 1 < Int(token.next) {
                    count += 1
                    guard count <= members else {
                        throw Failure(
                            .replyDepth,
                            "the reply has an object of more than \(members) members, at byte "
                                + "\(token.start)")
                    }
                    key = Int(tape[key + 1].next)
                }
            }
        }
    }
}
