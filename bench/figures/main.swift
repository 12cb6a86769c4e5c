// main.swift - figures that the C ABI does not expose: what is measured inside the core.
//
//     figures lookup VAULT        find a record, lend a secret: p50 and p99 over every credential
//     figures scheduler ROUNDS    CPU of a dispatch with little and much waiting; bytes of a request
//     figures line ROUNDS         read Postfix lines of 200 bytes into events: µs for one
//     figures ways REPLY ROUNDS   the trace view of a stored reply without each of the short ways
//
// Prints one JSON line. The vault is one of bench/vault.c: 200 accounts per tenant, a raw key of 7s.

import Glibc

switch Array(CommandLine.arguments.dropFirst()) {
case let words where words.count == 2 && words[0] == "lookup": try lookup(words[1])
case let words where words.count == 2 && words[0] == "scheduler":
    try measureScheduler(max(1, Int(words[1]) ?? 5))
case let words where words.count == 2 && words[0] == "line": line(max(1, Int(words[1]) ?? 1))
case let words where words.count == 3 && words[0] == "ways":
    try ways(words[1], max(1, Int(words[2]) ?? 100))
default:
    print(
        "usage: figures lookup VAULT | figures scheduler ROUNDS | figures line ROUNDS | "
            + "figures ways REPLY ROUNDS")
    exit(2)
}
