"""What people paste as a reference: the id is taken out where there is one, otherwise told."""

from __future__ import annotations

import contextlib
import json
import signal

import pytest

from tests.cli.conftest import Call, Kit
from tests.conftest import ACME
from tracevault import TraceVaultError
from tracevault.cli.batch_input import read
from tracevault.cli.exits import Exit
from tracevault.cli.failures import Usage
from tracevault.cli.pasted import taken

REF = "4jXtPB72Kpz7S8D"
OTHER = "4jXtPC0RYCz7S6r"
WHERE = ("--tenant", "acme", "--account", ACME)
#: Obviously no real one, with signs that no reference has.
SECRET = "notARealSecret/notARealSecret~not"  # noqa: S105
AROUND = (
    f"  {REF}\n",
    f"{REF},",
    f"{REF};",
    f"{REF}:",
    f'"{REF}"',
    f"'{REF}',",
    f"\u201c{REF}\u201d",
    f"\u00ab{REF}\u00bb",
    f"\u200b{REF}\ufeff",
    f"\u00a0{REF}\r",
    f"`{REF}`",
    f"({REF})",
)
INSIDE = (
    f"https://dash.cloudflare.com/{ACME}/email-security/investigation/{REF}?tab=trace",
    f"https://dash.cloudflare.com/{ACME}/email-security/investigation?id={REF}#top",
    f"Nov 29 10:11:12 mx1 postfix/smtp[711]: {REF}: to=<a@acme.example>, status=sent "
    f"(250 2.0.0 Ok: queued as {OTHER})",
    f"Nov 29 10:11:12 mx1 postfix/cleanup[7]: {REF}: message-id=<{OTHER}@mx1.example>",
    f"queue_id={REF}",
    f'{{"postfix_id":"{REF}"}}',
)
#: What is no reference, and what the error leads to.
ELSE = (
    ("<inv-11873.7f3a91@supplier-portal.example>", "hunt --message-id"),
    ("inv-11873.7f3a91@supplier-portal.example", "hunt --message-id"),
    (f"Message-ID: <{REF}@mx1.example>", "hunt --message-id"),
    ("<inv-11873.7f3a91>", "hunt --message-id"),
    (f"{REF} {OTHER}", "several words"),
    (f"{REF},initech", "several words"),
    (f"https://dash.cloudflare.com/{REF}/{OTHER}", "several ids"),
    (f"https://dash.cloudflare.com/{ACME}/email-security", "give the id alone"),
    ("Nov 29 mx1 postfix/smtpd[7]: NOQUEUE: reject: RCPT from x", "give the id alone"),
    ("", "it is empty"),
    (" \u200b", "it is empty"),
    (SECRET, "a reference is 1 to 256 characters"),
    ("x" * 257, "a reference is 1 to 256 characters"),
)


@pytest.mark.parametrize("text", AROUND)
def test_what_stands_around_a_reference_is_taken_away(call: Call, kit: Kit, text: str) -> None:
    told = call("trace", *WHERE, "--json", text)
    assert told.code == Exit.OK, told.err
    assert [row["message_ref"] for row in told.rows] == [REF]
    assert told.err == ""


@pytest.mark.parametrize("text", INSIDE)
def test_the_one_id_of_a_url_or_of_a_line_is_taken_and_told(
    call: Call, kit: Kit, text: str
) -> None:
    told = call("trace", *WHERE, "--json", text)
    assert told.code == Exit.OK, told.err
    assert [row["message_ref"] for row in told.rows] == [REF]
    note = json.loads(told.err)["note"]
    assert note == {
        "message": f"{REF} is taken out of what was given",
        "message_ref": REF,
    }


@pytest.mark.parametrize(("text", "leads_to"), ELSE)
def test_what_is_no_reference_leads_to_what_there_is_to_do(
    call: Call, kit: Kit, text: str, leads_to: str
) -> None:
    told = call("trace", *WHERE, "--json", text)
    assert told.code == Exit.USAGE
    (error,) = told.errors
    assert error["status"] == "TV_E_MESSAGE_REF"
    assert leads_to in error["message"]
    assert not text.strip() or text not in told.err, "it may be a secret in the wrong place"
    before = call("trace", *WHERE, REF, text)
    assert before.code == Exit.USAGE
    assert before.out == "", "nothing is asked before the whole call is right"
    assert "reference 2 of 2" in before.err


def test_a_list_is_read_with_the_same_eyes(call: Call, kit: Kit) -> None:
    told = call("batch", *WHERE, "--json", stdin="\n".join((*AROUND[1:3], *INSIDE[:3])))
    assert told.code == Exit.OK, told.err
    assert [row["message_ref"] for row in told.rows] == [REF] * 5


TOKENS = (
    "cfut_notARealToken0",
    "cfat_notARealToken0",
    '"cfut_not.Real",',
    "\u200bcfut_notReal",
    "https://h.example/?t=cfat_notReal",
)


@pytest.mark.parametrize("token", TOKENS, ids=ascii)
def test_a_token_in_the_place_of_a_reference_goes_nowhere_and_is_not_shown(
    call: Call, kit: Kit, token: str
) -> None:
    kit.server.reset()
    sent = json.dumps({"message_ref": token})
    for words, stdin in (
        (("trace", *WHERE, "--json", token), ""),
        (("trace", *WHERE, "--json", REF, token), ""),
        (("batch", *WHERE, "--json"), token),
        (("batch", *WHERE, "--json"), sent),
    ):
        told = call(*words, stdin=stdin)
        assert told.code == Exit.USAGE, words
        assert "this looks like an API token, not like a reference" in told.err
        assert "cfut_" not in told.out + told.err
        assert "cfat_" not in told.out + told.err
    told = call("filter", *WHERE, stdin=sent)
    error = told.rows[0]["tracevault"]["error"]
    assert error["message"].startswith("this looks like an API token, not like a reference")
    assert not error.get("message_ref")
    assert kit.server.requests() == []


@pytest.mark.parametrize(
    "token", ["cf\u200bat_notARealToken0", "https://h.example/?t=cf%61t_notReal"]
)
def test_so_does_a_token_with_a_sign_that_nobody_sees(call: Call, kit: Kit, token: str) -> None:
    kit.server.reset()
    for words, stdin in ((("trace", *WHERE, "--json", token), ""), (("batch", *WHERE), token)):
        told = call(*words, stdin=stdin)
        assert told.code == Exit.USAGE, words
        assert "this looks like an API token, not like a reference" in told.err
    assert kit.server.requests() == []


#: What costs a search much time that has several ways through it, each repeated ever more often.
PUMPED = (
    ("a", " ", "!"), ("", "a ", "!"), ("", "a" + " " * 16, "b@"), ("", "a, ", "@"),
    ("", "a ; ", "/"), ("", "@a", " x"), ("x", "@", "/"), ("", "<", ""), ("", "a.", "/"),
    ("", "bz", "!"), ("", "b", "z!"), ("", "message-id:", "\n!"), ("", "a[1]: ", ""),
    ("a[", "1", ""), ("a[1]:", " ", "x"), ("", '" ', ""), ("", "\u200b\"", "!"), ("", "%25", "!"),
    ("{", " ", ""), ("", "{ ", "x"), ("[", "\\", "x"), ("", "\" ", ":"), ("A", "  A", "b"),
    ("A", " ", "a  b"), ("", "message_ref-,", ""), ("", "-", ",message_ref"), ("", "#\n", ""),
)  # fmt: skip


@pytest.mark.parametrize(("before", "part", "behind"), PUMPED)
@pytest.mark.parametrize("length", [200, 4_000, 100_000])
def test_no_line_of_a_list_takes_long(before: str, part: str, behind: str, length: int) -> None:
    text = before + part * (length // len(part)) + behind
    too_long = signal.signal(signal.SIGALRM, lambda *_: pytest.fail("it takes too long"))
    signal.alarm(5)
    try:
        for one in (text, f"{REF}\n{text}\n", f'message_ref\n"{text}"\n'):
            with contextlib.suppress(Usage):
                read(one, "a list")
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, too_long)


def test_what_is_far_too_long_is_told_without_a_look_into_it() -> None:
    for text in (REF + " " * 10_000, "x" * 10_000, f"{'y ' * 5_000}{REF}"):
        with pytest.raises(TraceVaultError, match="longer than 8,192 characters"):
            taken(text)
    with pytest.raises(TraceVaultError, match="looks like an API token"):
        taken("x " * 10_000 + "cfut_" + "x" * 40)
    assert taken(f"Nov 29 10:11:12 mx1 postfix/smtp[711]: {REF}: to=<a@b>{' x' * 2_000}") == (
        REF,
        True,
    )


@pytest.mark.parametrize("text", ["a@b", "@a@b", "a@@", "a@b@c"])
def test_an_address_is_told_as_one(text: str) -> None:
    with pytest.raises(TraceVaultError, match="looks like a Message-ID or an address"):
        taken(text)


@pytest.mark.parametrize("text", ["@b", "a@", "@", "a@b/c", "a @b"])
def test_what_is_no_address_is_not_told_as_one(text: str) -> None:
    with pytest.raises(TraceVaultError) as told:
        taken(text)
    assert "Message-ID" not in told.value.message
