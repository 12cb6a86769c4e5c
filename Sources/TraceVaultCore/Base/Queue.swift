// Queue.swift - first in, first out, without moving what stays.

/// A queue that is cheap at both ends: an array with a moving head.
struct Queue<Element: Sendable>: Sendable {
    private var elements: [Element?] = []
    private var head = 0

    var count: Int { elements.count - head }
    var isEmpty: Bool { count == 0 }
    var first: Element? { isEmpty ? nil : elements[head] }

    mutating func append(_ element: Element) { elements.append(element) }

    /// Puts an element back in front.
    mutating func prepend(_ element: Element) {
        if head > 0 {
            head -= 1
            elements[head] = element
        } else {
            elements.insert(element, at: 0)
        }
    }

    mutating func popFirst() -> Element? {
        guard !isEmpty, let element = elements[head] else { return nil }
        elements[head] = nil
        head += 1
        // Give the dead half back once it outweighs the living: amortised constant cost.
        if head > 32, head * 2 > elements.count {
            elements.removeFirst(head)
            head = 0
        }
        return element
    }

    /// Takes out the first for which this holds.
    mutating func removeFirst(where holds: (Element) -> Bool) -> Element? {
        let found = elements[head...].firstIndex { $0.map(holds) ?? false }
        return found.flatMap { elements.remove(at: $0) }
    }
}
