// RoundRobin.swift - a queue in which askers take turns, however much one of them has in it.

/// First in, first out for each key; among the keys one element each in turn. Every call takes the
/// same time, however many keys and elements there are.
struct RoundRobin<Key: Hashable & Sendable, Element: Sendable>: Sendable {
    private var elements: [Key: Queue<Element>] = [:]
    /// Keys with an element here, each once.
    private var turns = Queue<Key>()
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }

    mutating func append(_ element: Element, of key: Key) {
        if elements[key] == nil { turns.append(key) }
        elements[key, default: Queue()].append(element)
        count += 1
    }

    /// Puts an element back: it is the first of its key.
    mutating func prepend(_ element: Element, of key: Key) {
        if elements[key] == nil { turns.prepend(key) }
        elements[key, default: Queue()].prepend(element)
        count += 1
    }

    /// The oldest element of the key whose turn it is.
    mutating func popFirst() -> Element? {
        guard let key = turns.popFirst(), let element = elements[key]?.popFirst() else {
            return nil
        }
        if elements[key]?.isEmpty == false { turns.append(key) } else { elements[key] = nil }
        count -= 1
        return element
    }
}
