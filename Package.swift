// swift-tools-version: 6.2
import Foundation
import PackageDescription

// Every target: Swift 6, each unsafe operation marked, no warning left standing.
let house: [SwiftSetting] = [
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

// The folder with bin/swift of this build, as debug information would name it.
let toolchain = (Context.environment["PATH"] ?? "").split(separator: ":")
    .map { URL(fileURLWithPath: "\($0)/swift") }
    .first { FileManager.default.isExecutableFile(atPath: $0.path) }?
    .resolvingSymlinksInPath().deletingLastPathComponent().deletingLastPathComponent().path

// Where this build lies, and what the debug file says instead: sources as they lie in the tree.
let places = ["\(Context.packageDirectory)=."] + (toolchain.map { ["\($0)=swift-toolchain"] } ?? [])

// As shipped: no file says where it was built, so that it is the same wherever that is.
let placeless: [SwiftSetting] = [
    .unsafeFlags(
        places.flatMap { ["-file-prefix-map", $0] } + [
            // Where the build kept what it had read of C modules.
            "-Xfrontend", "-no-clang-module-breadcrumbs",
        ], .when(configuration: .release))
]

// The core as shipped. Names of fields are for mirrors and printing, which nothing here uses: 80 KB
// less, and less said. With a section for each function the linker leaves out those that nobody
// calls: another 80 KB less. Overlapping access to variables is found in debug builds, where every
// test runs; in the host's process the check could only end it, and costs 2 % of a request.
let shipped: [SwiftSetting] =
    placeless + [
        .unsafeFlags(
            [
                "-Xfrontend", "-disable-reflection-metadata", "-enforce-exclusivity=unchecked",
                "-Xfrontend", "-function-sections",
            ], .when(configuration: .release))
    ]

// What makes the product a C library: its name, its export list, no Swift runtime to find.
// Release only: on a target that tests link, or in debug, these flags break the test runner and
// the sanitizers.
let shared: [LinkerSetting] = [
    // Debian's libsodium.a is not fit for a shared library whose symbols may be replaced from
    // outside: hidden it is, in debug too.
    .unsafeFlags(["-Xlinker", "--exclude-libs", "-Xlinker", "libsodium.a"]),
    .unsafeFlags(
        [
            "-static-stdlib", "-use-ld=lld",
            "-Xlinker", "-soname=libtracevault.so.0",
            "-Xlinker", "--version-script=tracevault.map",
            "-Xlinker", "--gc-sections", "-Xlinker", "--icf=all", "-Xlinker", "-O2",
            "-Xlinker", "-z", "-Xlinker", "nodelete",
            // Every table of addresses and every constant is read-only once the library is loaded.
            "-Xlinker", "-z", "-Xlinker", "relro", "-Xlinker", "-z", "-Xlinker", "now",
            "-Xlinker", "constants.ld",
        ], .when(configuration: .release)),
]

// The C parts as shipped: what overruns a buffer ends there, instead of going on with what it wrote.
let guarded: [CSetting] = [
    .unsafeFlags(
        [
            "-fstack-protector-strong", "-fstack-clash-protection", "-D_FORTIFY_SOURCE=3",
        ] + places.map { "-ffile-prefix-map=\($0)" },
        .when(configuration: .release))
]

// libFuzzer brings its own `main`, so its targets exist only where scripts/fuzz asks for them.
let fuzzers: [Target] =
    Context.environment["TRACEVAULT_FUZZ"] == nil
    ? []
    : ["reply", "json", "line", "walk"].map { name in
        .executableTarget(
            name: "fuzz-\(name)", dependencies: ["TraceVaultCore"], path: "Tests/fuzz/\(name)",
            swiftSettings: house + [.unsafeFlags(["-parse-as-library"])])
    }

let package = Package(
    name: "TraceVault",
    products: [.library(name: "tracevault", type: .dynamic, targets: ["TraceVaultABI"])],
    targets: [
        // The public header, as Swift sees it.
        .systemLibrary(name: "CTraceVault", path: "include"),
        .systemLibrary(name: "CCurl"),
        .systemLibrary(name: "CSodium"),
        // What Swift cannot say: variadic curl options, memory protection, threads, fork page.
        .target(name: "CSystem", cSettings: guarded),
        // What the runtime must forget in a forked child; only where the runtime is linked in.
        .target(
            name: "CRuntime",
            cSettings: guarded + [
                .define("TVS_STATIC_RUNTIME", .when(configuration: .release))
            ]),
        .target(
            name: "TraceVaultCore", dependencies: ["CSystem", "CCurl", "CSodium"],
            swiftSettings: house + shipped,
            // libsodium statically (and hidden by tracevault.map), libcurl dynamically.
            linkerSettings: [.linkedLibrary(":libsodium.a"), .linkedLibrary("curl")]),
        .target(
            name: "TraceVaultABI", dependencies: ["TraceVaultCore", "CTraceVault", "CRuntime"],
            swiftSettings: house + placeless, linkerSettings: shared),
        // What `make bench` measures inside the core.
        .executableTarget(
            name: "figures", dependencies: ["TraceVaultCore", "CSystem"], path: "bench/figures",
            swiftSettings: house),
        // One process of the ledger's proofs.
        .executableTarget(
            name: "ledger", dependencies: ["TraceVaultCore", "CSystem"], path: "Tests/ledger",
            swiftSettings: house),
        // The scheduler through days of virtual time: Tests/simulation/main.swift.
        .executableTarget(
            name: "simulation", dependencies: ["TraceVaultCore"], path: "Tests/simulation",
            swiftSettings: house),
        .testTarget(
            name: "TraceVaultCoreTests", dependencies: ["TraceVaultCore"],
            swiftSettings: house),
    ] + fuzzers
)
