"""body_vectors.py - faults of the records and what is sealed in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from . import reader
from .reader import CREDENTIAL, EPOCH_KEY, HEADER, MAC, TENANT_KEY, digest, kdf
from .vector import DAMAGED_BODY, OK, RECORD_AUTH, Vector
from .writer import Draft, Plan, flip, put, tlv


def body_damage(data: bytes, other: bytes, plan: Plan) -> Iterator[Vector]:
    places = {0: "type", 4: "meta_len", 8: "secret_len", 12: "epoch", 16: "id", 32: "version",
              40: "first nonce", 64: "second nonce", 88: "sealed bytes"}  # fmt: skip
    starts = [HEADER]
    for draft in plan.records:
        size = 88 + len(draft.secret) + 16 + (len(draft.metadata) + 16 if draft.metadata else 0)
        starts.append(starts[-1] + size)
    for index, start in enumerate(starts[:-1]):
        for offset, name in places.items():
            changed = flip(data, start + offset, 2)
            yield Vector(f"record {index}: {name} flipped", changed, DAMAGED_BODY)
    for offset in (1, 16, 32):
        yield Vector(f"body MAC byte -{offset}", flip(data, len(data) - offset), DAMAGED_BODY)
    yield Vector("no body MAC", data[:-MAC] + bytes(MAC), DAMAGED_BODY)
    yield Vector("another vault's body", data[:HEADER] + other[HEADER:], DAMAGED_BODY)
    yield Vector("another vault's header", other[:HEADER] + data[HEADER:], DAMAGED_BODY)
    yield Vector("body MAC without file_id", put(data, len(data) - MAC, digest(data[:-MAC])),
                 DAMAGED_BODY)  # fmt: skip
    file_key = kdf(plan.root, b"tv1 body")
    for name, key in (("K_file", file_key), ("another file_id's key", kdf(file_key, bytes(16)))):
        yield Vector(f"body MAC by {name}", data[:-MAC] + kdf(key, data[:-MAC]), DAMAGED_BODY)
    for order in ((1, 0, 2, 3, 4), (0, 2, 1, 3, 4), (0, 1, 2, 4, 3), (0, 3, 4, 1, 2)):
        parts = [data[starts[place] : starts[place + 1]] for place in order]
        changed = data[:HEADER] + b"".join(parts) + data[-MAC:]
        yield Vector(f"order {order} not resealed", changed, DAMAGED_BODY)


def heads(plan: Plan) -> Iterator[Vector]:
    """Record heads that break a rule, every MAC right."""
    lengths = {EPOCH_KEY: (1, 16, 17, 2**32 - 1), TENANT_KEY: (0, 15, 16, 4113, 2**32 - 1),
               CREDENTIAL: (0, 15, 16, 4113, 2**32 - 1)}  # fmt: skip
    for kind in (EPOCH_KEY, TENANT_KEY, CREDENTIAL):
        place = plan.of(kind)[-1]
        table = [("type", 0, value, 1) for value in (0, 4, 255)]
        table += [("reserved", offset, 1, 1) for offset in (1, 2, 3)]
        table += [("meta_len", 4, value, 4) for value in lengths[kind]]
        table += [("secret_len", 8, value, 4) for value in (0, 1, 15, 16, 16401, 2**31, 2**32 - 1)]
        if kind == EPOCH_KEY:
            table += [("metadata nonce", 40, 1, 1), ("metadata nonce", 63, 1, 1)]
        for name, offset, value, length in table:
            changed = plan.changed(place, patch=lambda d: put(d, offset, value, length))  # noqa: B023
            yield Vector(f"type {kind}: {name} {offset}={value}", changed.sealed(), DAMAGED_BODY)
    for count in (1, 3, 87, 88):
        sealed = plan.sealed(body=lambda b: b + bytes(count))  # noqa: B023
        yield Vector(f"{count} zeros behind the records, resealed", sealed, DAMAGED_BODY)
    for count in (1, 16, 80, 200):
        sealed = plan.sealed(body=lambda b: b[:-count])  # noqa: B023
        yield Vector(f"last record short by {count}, resealed", sealed, DAMAGED_BODY)


def binding(plan: Plan, other: Plan) -> Iterator[Vector]:
    """Sealed parts in the wrong place, every MAC right."""
    for kind in (EPOCH_KEY, TENANT_KEY, CREDENTIAL):
        place = plan.of(kind)[-1]
        record = plan.records[place]
        own = record.head()
        bounds = {
            "epoch": replace(own, epoch=own.epoch + 1),
            "version": replace(own, version=own.version + 1),
            "id": replace(own, id=flip(own.id, 15)),
            "type": replace(own, type=kind % 3 + 1),
        }
        for name, bound in bounds.items():
            yield Vector(f"type {kind} sealed for another {name}",
                         plan.changed(place, bound=bound).sealed(), RECORD_AUTH)  # fmt: skip
        if kind == EPOCH_KEY:
            for at in (64, 87, 88, 135):
                changed = plan.changed(place, patch=lambda d: flip(d, at))  # noqa: B023
                yield Vector(f"epoch key: byte {at} resealed", changed.sealed(), RECORD_AUTH)
            for size in (1, 31, 33, 64):
                changed = plan.changed(place, secret=bytes(size))
                yield Vector(f"epoch key of {size} bytes", changed.sealed(), RECORD_AUTH)
            continue
        meta_end = 88 + len(record.metadata) + 16
        for at in (40, 63, 88, meta_end - 1):
            changed = plan.changed(place, patch=lambda d: flip(d, at))  # noqa: B023
            yield Vector(f"type {kind}: metadata byte {at} resealed", changed.sealed(), RECORD_AUTH)
        for at in (64, meta_end, -1):
            changed = plan.changed(place, patch=lambda d: flip(d, at % len(d)))  # noqa: B023
            yield Vector(f"type {kind}: secret byte {at} is opened later", changed.sealed(), OK)
    vault_id = replace(plan, head=put(plan.head, 24, other.head[24:40]))
    moved = vault_id.sealed(head=lambda h: put(h, 24, plan.head[24:40]))
    yield Vector("records sealed for another vault_id", moved, RECORD_AUTH)
    tenant = plan.of(TENANT_KEY)[0]
    name = reader.fields(plan.records[tenant].metadata)[reader.TENANT].decode()
    wrong = {
        "a flipped key": plan.changed(tenant, patch=lambda d: flip(d, len(d) - 20)),
        "a flipped nonce": plan.changed(tenant, patch=lambda d: flip(d, 64)),
        "the epoch key itself": plan.changed(tenant, key=plan.epochs[1]),
        "the right key, 31 bytes": plan.changed(tenant, secret=bytes(31)),
        "K_wrap": plan.changed(tenant, key=kdf(plan.root, b"tv1 wrap")),
        "K_meta": plan.changed(tenant, key=kdf(plan.epochs[1], b"tv1 meta")),
    }
    for fault, changed in wrong.items():
        yield Vector(f"tenant key by {fault}", changed.sealed(), OK)
        yield Vector(f"tenant key by {fault}, used", changed.sealed(), RECORD_AUTH, tenant=name)
    used = {"unchanged": plan, "another's broken": wrong["a flipped key"]}
    for fault, changed in used.items():
        other_name = name if fault == "unchanged" else {"acme": "globex", "globex": "acme"}[name]
        yield Vector(f"tenant key used, {fault}", changed.sealed(), OK, tenant=other_name)


def structure(plan: Plan) -> Iterator[Vector]:
    """Whole records missing, doubled or in the wrong order, every MAC and every seal right."""
    tenants, credentials = plan.of(TENANT_KEY), plan.of(CREDENTIAL)
    records = plan.records

    def having(some: list[Draft]) -> bytes:
        return replace(plan, records=some).sealed()

    def reordered(*order: int) -> bytes:
        return having([records[place] for place in order])

    yield Vector("tenants' order", reordered(0, 2, 1, 3, 4), DAMAGED_BODY)
    yield Vector("credentials' order", reordered(0, 1, 2, 4, 3), DAMAGED_BODY)
    yield Vector("credentials before tenants", reordered(0, 3, 4, 1, 2), DAMAGED_BODY)
    yield Vector("a tenant last", reordered(0, 1, 3, 4, 2), DAMAGED_BODY)
    yield Vector("epoch key second", reordered(1, 0, 2, 3, 4), DAMAGED_BODY)
    for place in range(5):
        twice = sorted([*range(5), place])
        yield Vector(f"record {place} twice", reordered(*twice), DAMAGED_BODY)
    yield Vector("no epoch key", reordered(1, 2, 3, 4), DAMAGED_BODY)
    yield Vector("no record at all", reordered(), DAMAGED_BODY)
    yield Vector("no tenant keys", reordered(0, 3, 4), RECORD_AUTH)
    for place in tenants:
        rest = [at for at in range(5) if at != place]
        yield Vector(f"tenant key {place} missing", reordered(*rest), RECORD_AUTH)
    for place in credentials:
        rest = [at for at in range(5) if at != place]
        yield Vector(f"credential {place} away", reordered(*rest), OK)
    yield Vector("tenants without credentials", reordered(0, 1, 2), OK)
    yield Vector("only the epoch key", reordered(0), OK)

    def more_epochs(count: int, first: int = 2) -> list[Draft]:
        made = [
            replace(
                records[0],
                epoch=first + n,
                id=digest(b"id %d" % n)[:16],
                nonces=(bytes(24), digest(b"nonce %d" % n)[:24]),
            )
            for n in range(count)
        ]
        return sorted([records[0], *made], key=lambda one: one.id) + records[1:]

    yield Vector("64 epochs", having(more_epochs(63)), OK)
    yield Vector("65 epochs", having(more_epochs(64)), DAMAGED_BODY)
    yield Vector("an epoch twice", having(more_epochs(1, first=1)), DAMAGED_BODY)
    for kind, place in ((TENANT_KEY, tenants[-1]), (CREDENTIAL, credentials[-1])):
        changed = plan.changed(place, epoch=7)
        yield Vector(f"type {kind} of an epoch without a key", changed.sealed(), RECORD_AUTH)
        again = replace(records[place], id=b"\xff" * 16)
        some = sorted([*records, again], key=lambda one: (one.type, one.id))
        name = "tenant" if kind == TENANT_KEY else "account"
        yield Vector(f"{name} twice under two ids", having(some), DAMAGED_BODY)
        versioned = plan.changed(place, version=0)
        yield Vector(f"type {kind} of version 0", versioned.sealed(), OK)
    yield from versions(plan)
    broken = plan.changed(0, patch=lambda d: flip(d, 90))
    unsorted = replace(broken, records=[broken.records[place] for place in (0, 1, 2, 4, 3)])
    yield Vector("order, and an epoch key that does not open", unsorted.sealed(), DAMAGED_BODY)
    short = broken.sealed(head=lambda h: put(h, 84, 4, 4))
    yield Vector("count, and an epoch key that does not open", short, DAMAGED_BODY)
    strange = Draft(4, 1, bytes(16), 1, (bytes(24), bytes(24)), b"x" * 9, bytes(32), key=bytes(32))
    yield Vector("a fourth kind of record", having([*records, strange]), DAMAGED_BODY)
    zero = replace(strange, type=0)
    yield Vector("a record of type 0", having([zero, *records]), DAMAGED_BODY)


def versions(plan: Plan) -> Iterator[Vector]:
    """An account has one active and one retiring credential at most."""
    place = plan.of(CREDENTIAL)[0]
    known = reader.fields(plan.records[place].metadata)

    def having(*states: bytes | None) -> bytes:
        some = [record for at, record in enumerate(plan.records) if at != place]
        for number, state in enumerate(states):
            told = {tag: value for tag, value in known.items() if tag != reader.STATE}
            told |= {} if state is None else {reader.STATE: state}
            some.append(
                replace(
                    plan.records[place],
                    id=digest(b"version %d" % number)[:16],
                    nonces=(digest(b"m %d" % number)[:24], digest(b"s %d" % number)[:24]),
                    metadata=tlv(sorted(told.items())),
                )
            )
        some.sort(key=lambda one: (one.type, one.id))
        return replace(plan, records=some).sealed()

    for name, states, status in (
        ("one active", (b"\x01",), OK),
        ("one retiring", (b"\x02",), OK),
        ("active and retiring", (b"\x01", b"\x02"), OK),
        ("retiring and one without a state", (b"\x02", None), OK),
        ("two active", (b"\x01", b"\x01"), DAMAGED_BODY),
        ("active and one without a state", (b"\x01", None), DAMAGED_BODY),
        ("two retiring", (b"\x02", b"\x02"), DAMAGED_BODY),
        ("three", (b"\x01", b"\x02", b"\x02"), DAMAGED_BODY),
    ):
        yield Vector(f"credentials of an account: {name}", having(*states), status)


def padding(plan: Plan, padded: Plan) -> Iterator[Vector]:
    """Zeros behind the fields, in a vault of format 1 and in one of format 2; every MAC right."""
    for form, some in ((1, plan), (2, padded)):
        other = 3 - form
        relabelled = some.sealed(head=lambda h: put(h, 8, other, 2))  # noqa: B023
        yield Vector(f"format {form} as {other}", relabelled, RECORD_AUTH)
    for kind in (TENANT_KEY, CREDENTIAL):
        place = plan.of(kind)[0]
        plain = plan.records[place].metadata
        for count in (1, 2, 3, 256 - len(plain) % 256, 256):
            changed = plan.changed(place, metadata=plain + bytes(count))
            yield Vector(f"type {kind} of format 1, {count} zeros", changed.sealed(), RECORD_AUTH)
        place = padded.of(kind)[0]
        whole = padded.records[place].metadata
        end = reader.end_of_fields(whole)
        later = whole[:end] + tlv([(200, bytes(256 - end - 3))])
        for name, changed_to, status in (
            ("as it is", whole, OK),
            ("no padding", whole[:end], RECORD_AUTH),
            ("one zero", whole[: end + 1], RECORD_AUTH),
            ("a zero too few", whole[:-1], RECORD_AUTH),
            ("a zero too many", whole + bytes(1), RECORD_AUTH),
            ("a block too many", whole + bytes(256), RECORD_AUTH),
            ("a byte in the padding", whole[:-1] + b"\x01", RECORD_AUTH),
            ("a tag behind the padding", whole[:-3] + b"\xc8\0\0", RECORD_AUTH),
            ("a later tag without a value", put(whole, end, 0x80), OK),
            ("fields that end at a block", later, OK),
            ("and a block of padding", later + bytes(256), RECORD_AUTH),
            ("the longest", whole[:end] + tlv([(200, bytes(4096 - end - 3))]), OK),
            ("zeros alone", bytes(256), RECORD_AUTH),
        ):
            changed = padded.changed(place, metadata=changed_to)
            yield Vector(f"type {kind} of format 2, {name}", changed.sealed(), status)


# ---- Metadata ------------------------------------------------------------------------------------

#: Control characters of every kind, at both ends of each.
CONTROLS = [f"a{chr(code)}b".encode() for code in (0, 10, 13, 0x1F, 0x7F, 0x80, 0x9F)]
BAD_EMAILS = [b"", b"a", b"a@b", b"@b.cc", b"a@b.cc\r\nX: y", b"a@b.cc\0", b"a b@c.de", b"a@b@c.de",
              b".a@b.cc", b"a.@b.cc", b"a..b@c.de", b"a@b..cc", b"a@.b.cc", b"a@b.cc.", b"a@-b.cc",
              b"a@b-.cc", "ä@b.cc".encode(), b"a" * 65 + b"@b.cc", b"a@" + b"b" * 64 + b".cc",
              b"a@" + b"b." * 125 + b"ccc"]  # fmt: skip
BAD_ORIGINS = [b"", b"https://", b"http:/a", b"ftp://a.example", b"a.example", b"https://A.example",
               b"https://a.example/b", b"https://u@a.example", b"https://a.example\r\nX: y",
               b"https://a.example\0", "https://ä.example".encode(), b"https://a b",
               b"https://" + b"a" * 248]  # fmt: skip


def metadata(plan: Plan) -> Iterator[Vector]:
    """Fields that break a rule, sealed by someone with every key."""
    place = plan.of(CREDENTIAL)[0]
    base = dict(reader.fields(plan.records[place].metadata))
    base = {1: base[1], 2: base[2], 3: b"\x01", 5: base[5], 7: b"\x01", 10: bytes(8), 15: bytes(8)}

    def sealed(plain: bytes, at: int = place) -> bytes:
        return plan.changed(at, metadata=plain).sealed()

    def brief(change: dict[int, bytes | None]) -> str:
        return ", ".join(
            f"{tag} absent" if value is None else f"{tag}: {len(value)} bytes {value[:9].hex()}"
            for tag, value in change.items()
        )

    def having(change: dict[int, bytes | None]) -> bytes:
        merged: dict[int, bytes | None] = {**base, **change}
        return sealed(tlv([(tag, merged[tag] or b"") for tag in sorted(merged)
                           if merged[tag] is not None]))  # fmt: skip

    bad: list[dict[int, bytes | None]] = [{tag: None} for tag in (1, 2, 3, 5)]
    bad += [{1: b""}, {1: b"t" * 129}, {1: b"\xff"}, {1: b"\xc0\x80"}, {1: b"\xed\xa0\x80"}]
    bad += [{2: value} for value in (b"", b"a" * 31, b"a" * 33, b"A" * 32, b"g" * 32, b"\0" * 32)]
    bad += [{3: value} for value in (b"", b"\0", b"\x02", b"\x03", b"\x01\x01", b"1")]
    bad += [{7: value} for value in (b"", b"\0", b"\x03", b"\x04", b"\x01\0")]
    bad += [{tag: bytes(size)} for tag in (8, 9, 10, 13, 15) for size in (0, 7, 9)]
    bad += [{11: bytes(15)}, {11: bytes(17)}, {11: b""}, {0: b"x"}]
    bad += [{tag: b"\xff\xfe"} for tag in (4, 5, 6, 12, 14, 16)]
    bad += [{tag: text} for tag in (1, 6, 12, 14, 16) for text in CONTROLS]
    bad += [{6: b"l" * 129}, {16: b"g" * 129}]
    bad += [{4: text} for text in BAD_EMAILS]
    bad += [{5: text} for text in BAD_ORIGINS]
    for change in bad:
        yield Vector(f"metadata, bad {brief(change)}", having(change), RECORD_AUTH)
    good: list[dict[int, bytes | None]] = [
        {7: None}, {10: None}, {15: None}, {6: b""}, {6: b"l" * 128}, {4: b"not@needed.example"},
        {6: b"\xc2\xa0"}, {3: b"\x02", 4: b"soc@acme.example"}, {7: b"\x02"}, {8: bytes(8)},
        {9: bytes(8)}, {11: bytes(16)}, {12: b"id"}, {13: bytes(8)}, {14: "☂".encode()},
        {16: b"g"}, {17: b"\xff\xfe"}, {200: b""}, {255: bytes(9)}, {17: b"", 18: b"", 254: b"z"},
    ]  # fmt: skip
    for change in good:
        yield Vector(f"metadata, good {brief(change)}", having(change), OK)
    twice = sorted(base.items())
    whole = tlv(twice)
    broken = {
        "out of order": tlv(twice[::-1]),
        "two exchanged": tlv([twice[1], twice[0], *twice[2:]]),
        "tenant twice": tlv([twice[0], *twice]),
        "an unknown tag twice": tlv([*twice, (99, b"a"), (99, b"a")]),
        "an unknown tag out of order": tlv([(99, b"a"), *twice]),
        "one byte behind": whole + b"\xff",
        "two bytes behind": whole + b"\xff\0",
        "a field without its value": whole + b"\xff\x01\0",
        "a length beyond the end": whole + b"\xff\xff\xff" + b"x",
        "last byte lost": whole[:-1],
        "a single byte": b"\x01",
        "zeros": bytes(64),
    }
    for name, plain in broken.items():
        yield Vector(f"metadata: {name}", sealed(plain), RECORD_AUTH)
    for size, status in ((4096, OK), (4097, DAMAGED_BODY)):
        long = tlv([*twice, (255, bytes(size - len(whole) - 3))])
        yield Vector(f"metadata of {size} bytes", sealed(long), status)
    for size, status in ((16384, OK), (16385, DAMAGED_BODY)):
        changed = plan.changed(place, secret=bytes(size))
        yield Vector(f"secret of {size} bytes", changed.sealed(), status)
    tenant = plan.of(TENANT_KEY)[0]
    owner = reader.fields(plan.records[tenant].metadata)[1]
    for label, plain, status in (
        ("without created", tlv([(1, owner)]), OK),
        ("with an unknown tag", tlv([(1, owner), (10, bytes(8)), (77, b"?")]), OK),
        ("without a tenant", tlv([(10, bytes(8))]), RECORD_AUTH),
        ("with a short created", tlv([(1, owner), (10, bytes(7))]), RECORD_AUTH),
        ("with a wrong account", tlv([(1, owner), (2, b"x")]), RECORD_AUTH),
        ("renamed", tlv([(1, b"initech"), (10, bytes(8))]), RECORD_AUTH),
    ):
        yield Vector(f"tenant key {label}", sealed(plain, tenant), status)
