"""What an import tells of its rows: by kind for people, each of them for programs.

Reads and stores nothing, and never knows a secret.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from ..edit import Hint
from ..importing import ANOTHER, KNOWN, NO_JSON, ImportRowsError, looks_like_token
from . import out
from .failures import Usage
from .options import Options
from .words import plural

T = TypeVar("T")
#: What to do about accounts that the vault knows.
HOW = (
    "--rotate keeps a credential that is there as the retiring one, which is still used where the "
    "new one is refused; --replace removes it; with either an older retiring one goes for good"
)
#: How many accounts, or rows of one kind, are told one by one.
EXAMPLES = 10


def tell_rows(options: Options, file: str, kind: str, error: ImportRowsError) -> None:
    """The rows that cannot be stored, and the way out."""
    for row, more in _by_kind(error.rows, lambda row: row.reason, whole=options.for_programs):
        if row is None:
            out.note(f"    and {more}")
            continue
        out.problem(
            Usage(f"row {row.row}: {row.reason}"),
            for_programs=options.for_programs,
            tenant=row.tenant or None,
            account_id=row.account_id or None,
        )
    out.note(
        f"nothing of {file} is stored, for {plural(len(error.rows), 'row')} that cannot be",
        for_programs=options.for_programs,
        wrong=len(error.rows),
    )
    if any(row.reason == KNOWN for row in error.rows):
        out.note(HOW, for_programs=options.for_programs)
    given = options.get("tenant")
    if given is not None and any(row.reason == ANOTHER for row in error.rows):
        bound = f"the tenant {given.value}, which {given.placed('tenant')} names"
        told = f"this import is for {bound}: leave that out where rows may choose"
        out.note(told, for_programs=options.for_programs)
    if kind == "jsonl" and all(row.reason.startswith(NO_JSON) for row in error.rows):
        out.note("no row is JSON: --as csv reads a table", for_programs=options.for_programs)


def tell_hints(options: Options, hints: Sequence[Hint]) -> None:
    """What looks wrong about what the rows hold; it can be stored all the same."""
    for hint, more in _by_kind(hints, lambda hint: hint.message, whole=options.for_programs):
        if hint is None:
            out.note(f"    and {more}")
            continue
        who = f"{hint.account_id} of {hint.tenant}" if hint.tenant else hint.account_id
        out.note(
            f"look again: row {hint.row}: {who}: {hint.message}",
            for_programs=options.for_programs,
            code=hint.code,
            tenant=hint.tenant or None,
            account_id=hint.account_id,
            row=hint.row,
        )


def whose(tenant: str, account_id: str) -> str:
    """An account in words, without a tenant that may be a secret."""
    return account_id if looks_like_token(tenant) else f"{account_id} of {tenant}"


def gone(tenant: str, account_id: str, *, dry_run: bool = False) -> str:
    """That a credential cannot be taken back any more."""
    how = "would go" if dry_run else "is gone"
    return f"the retiring credential of {whose(tenant, account_id)} {how} for good"


def tell_gone(lost: Sequence[tuple[str, str]], *, dry_run: bool) -> None:
    """For people: of which accounts the retiring credential goes."""
    for one in lost[:EXAMPLES]:
        out.note(f"    {gone(*one, dry_run=dry_run)}")
    if len(lost) > EXAMPLES:
        out.note(f"    and {len(lost) - EXAMPLES} more")


def tell_met(changed: Sequence[tuple[str, str]], met: int, how: str, *, dry_run: bool) -> None:
    """For people: what becomes of credentials that were there, of so many that were met."""
    for one in changed[:EXAMPLES]:
        out.note(f"    {whose(*one)} {'would be' if dry_run else 'is'} {how}")
    if len(changed) > EXAMPLES:
        out.note(f"    and {len(changed) - EXAMPLES} more")
    if changed and dry_run and how == "rotated":
        out.note(
            "    where the secret is the one that is there, nothing is rotated: that is seen when "
            "it is stored"
        )
    if met > len(changed):
        out.note(f"{plural(met - len(changed), 'account')} had the same secret already")


def _by_kind(
    told: Sequence[T], kind: Callable[[T], str], *, whole: bool
) -> Iterator[tuple[T | None, str]]:
    """What is told one by one: all of it, or the first of each kind and how many more there are."""
    kinds: dict[str, list[T]] = {}
    for one in told:
        kinds.setdefault("" if whole else kind(one), []).append(one)
    for text, alike in kinds.items():
        shown = len(alike) if whole else EXAMPLES
        yield from ((one, "") for one in alike[:shown])
        if len(alike) > shown:
            yield None, f"{len(alike) - shown} more: {text}"
