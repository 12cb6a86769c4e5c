"""What is given as a setting and holds a secret, rightly or wrongly, is shown by nobody."""

from __future__ import annotations

from pathlib import Path

import pytest

import tracevault as tv
from tests.cli.conftest import Call, Kit
from tests.conftest import REPOSITORY
from tracevault._setting_names import setting_names
from tracevault.cli.exits import Exit
from tracevault.cli.failures import Usage
from tracevault.cli.given_setting import refuse_no_name

#: Obviously no real one.
SECRET = "not-a-real-password"  # noqa: S105
LOGIN = f"user:{SECRET}@proxy.example:3128"

PASSWORDS = (
    f"http.proxy={LOGIN}",
    f"http.proxy=http:/{LOGIN}",
    f"http.proxy=http://u:a/{SECRET}@proxy.example",
    f"http.proxy=HTTP://{LOGIN}",
    f"redis.addresses=redis://a.example,redis://{LOGIN}",
    f"s3.endpoint=https://{LOGIN}",
)
NAMES = (f"redis.password={SECRET}", f"s3.secret_key={SECRET}", f"s3.token={SECRET}")
NO_NAMES = (LOGIN, SECRET, f"{LOGIN}=1", f"=={SECRET}")
#: What a secret in the wrong place looks like; the last ends as base64 does.
WORD = "c2VjcmV0LXZhbHVlLTEyMw"
WORDS = (f"{WORD}=1", f"{WORD}={LOGIN}", f"{WORD}.token=1", f"http.{WORD}=1", f"{WORD}==")


@pytest.mark.usefixtures("library_path")
@pytest.mark.parametrize("pair", [*PASSWORDS, *NAMES, *NO_NAMES])
def test_a_secret_in_a_setting_is_refused_and_not_repeated(
    call: Call, environment: dict[str, str], pair: str
) -> None:
    for arguments in (("settings",), ("settings", "--json"), ("doctor", "--offline"),
                      ("doctor", "--offline", "--report")):  # fmt: skip
        told = call(*arguments, "--set", pair)
        assert told.code == (Exit.SOME if "doctor" in arguments else Exit.USAGE)
        assert SECRET not in told.out + told.err
    environment["TRACEVAULT_SET"] = pair
    told = call("settings")
    assert told.code == Exit.USAGE
    assert "$TRACEVAULT_SET" in told.err
    assert SECRET not in told.out + told.err


@pytest.mark.usefixtures("library_path")
@pytest.mark.parametrize(
    "pair",
    [*PASSWORDS, *NAMES, f"redis.login={SECRET}", f"s3.keys={SECRET}",
     f"http.proxy=http://{SECRET}@proxy.example", f"retry.max_attempts={SECRET}",
     f"http.proxy=http://proxy.example/{SECRET}"],
)  # fmt: skip
def test_no_verb_shows_a_secret_of_the_configuration_file(
    call: Call, tmp_path: Path, pair: str
) -> None:
    config = tmp_path / "config"
    config.touch(mode=0o600)
    config.write_text("[default]\n" + pair.replace("=", " = ", 1) + "\n")
    doctor = ("doctor", "--offline")
    for arguments in (("settings",), ("settings", "--json"), doctor, (*doctor, "--json"),
                      (*doctor, "--report")):  # fmt: skip
        told = call(*arguments, "--config", config)
        assert SECRET not in told.out + told.err, arguments


@pytest.mark.usefixtures("library_path")
@pytest.mark.parametrize("pair", WORDS)
def test_a_word_that_is_near_no_settings_name_is_not_shown_but_its_place(
    call: Call, environment: dict[str, str], kit: Kit, pair: str
) -> None:
    for arguments in (("account", "list"), ("init", "another.vault"), ("doctor", "--offline"),
                      ("doctor", "--offline", "--report"), ("settings", pair),
                      ("settings", pair.partition("=")[0])):  # fmt: skip
        told = call(*arguments, "--set", pair)
        assert told.code != Exit.OK
        assert WORD not in told.out + told.err, arguments
        assert (
            arguments[0] == "settings" or "--report" in arguments or "--set" in told.out + told.err
        )
    environment["TRACEVAULT_SET"] += f" {pair}"
    told = call("account", "list", "--json")
    assert told.code == Exit.USAGE
    assert "$TRACEVAULT_SET" in told.err
    assert WORD not in told.err


@pytest.mark.usefixtures("library_path")
@pytest.mark.parametrize("pair", [*WORDS, f"http.proxy: {WORD}"])
def test_a_word_of_the_configuration_file_is_told_by_its_line(
    call: Call, tmp_path: Path, kit: Kit, pair: str
) -> None:
    config = tmp_path / "config"
    config.write_text(f"# {pair}\n[other]\n{pair}\n[default]\ns3.style = path\n{pair}\n")
    config.chmod(0o644)
    for arguments in (("account", "list"), ("doctor", "--offline")):
        told = call(*arguments, "--config", config)
        assert told.code != Exit.OK
        assert WORD not in told.out + told.err, arguments
        assert "proxy" in pair or "line 6" in told.out + told.err, arguments


@pytest.mark.usefixtures("library_path")
def test_a_name_that_is_nearly_a_settings_is_shown_with_that(call: Call, kit: Kit) -> None:
    for arguments in (("account", "list"), ("doctor", "--offline")):
        told = call(*arguments, "--set", "retry.max_atempts=3")
        assert "'retry.max_atempts'; did you mean retry.max_attempts?" in told.out + told.err
    told = call("settings", "retry.max_atempts")
    assert "did you mean retry.max_attempts?" in told.err


@pytest.mark.usefixtures("library_path")
def test_the_binding_says_which_of_the_settings_is_none() -> None:
    for value in ("1", 1, None, "\ud800"):
        with pytest.raises((tv.ArgumentError, TypeError)) as refused:
            tv.Engine({"retry.max_attempts": 3, WORD: value})  # type: ignore[dict-item]
        assert WORD not in str(refused.value)
    with pytest.raises(tv.ArgumentError, match="number 2 of those given"):
        tv.Engine({"retry.max_attempts": 3, WORD: 1})


@pytest.mark.usefixtures("library_path")
def test_a_secrets_name_is_refused_with_the_place_where_it_belongs(call: Call) -> None:
    told = call("settings", "--set", f"redis.password={SECRET}")
    assert "a secret has no place there" in told.err
    assert "redis.login" in told.err


@pytest.mark.usefixtures("library_path")
def test_no_setting_has_the_name_of_a_secret() -> None:
    for one in tv.config_properties():
        refuse_no_name(one["name"], "here")
    with pytest.raises(Usage):
        refuse_no_name("any.password", "here")


@pytest.mark.usefixtures("library_path")
def test_a_report_names_only_settings_that_exist(call: Call, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("[default]\nproxy.customer.example: 3128\nretry.max_attempts = many\n")
    told = call("doctor", "--offline", "--report", "--config", config)
    assert told.code == Exit.SOME
    assert "customer" not in told.out
    assert "an unknown one, from a file" in told.out
    assert "retry.max_attempts" in told.out
    assert "many" not in told.out
    people = call("doctor", "--offline", "--config", config)
    assert "line 2: no setting has this name" in people.out
    assert "must be a whole number" in people.out


@pytest.mark.usefixtures("library_path")
def test_a_path_and_an_address_without_a_login_are_shown_whole(call: Call, tmp_path: Path) -> None:
    given = {"tls.ca_file": "/etc/ssl/ca@corp.pem", "redis.login": "file:/etc/redis.login",
             "redis.addresses": "redis://a.example,redis://b.example"}  # fmt: skip
    pairs = [word for name, value in given.items() for word in ("--set", f"{name}={value}")]
    told = call("settings", *given, *pairs, "--json")
    assert {row["name"]: row["value"] for row in told.rows} == given


#: The settings whose values are paths, with what stands before one.
PATHS = {
    "tls.ca_file": "", "http.proxy_ca_file": "", "redis.ca_file": "", "s3.ca_file": "",
    "s3.copy_file": "", "budget.ledger": "", "redis.login": "file:", "s3.keys": "file:",
}  # fmt: skip


@pytest.mark.parametrize("name", PATHS)
def test_a_path_in_a_setting_is_shown_where_security_md_says_so(
    call: Call, kit: Kit, environment: dict[str, str], name: str
) -> None:
    told = (REPOSITORY / "SECURITY.md").read_text().partition("the path of a file and nothing")[2]
    assert f"`{name}`" in told.partition("TRACEVAULT_LIBRARY")[0]
    environment["TRACEVAULT_SET"] += f" {name}={PATHS[name]}/nowhere/lost.pem"
    shown = {}
    for words in ("settings", "doctor --offline", "doctor --offline --report", "account list"):
        done = call(*words.split())
        shown[words] = "lost.pem" in done.out + done.err
    assert shown == {"settings": True, "doctor --offline": True,
                     "doctor --offline --report": False, "account list": False}  # fmt: skip


def test_no_other_setting_holds_a_path() -> None:
    words = ("_file", ".ledger", ".login", ".keys")
    assert {n for n in setting_names() if n.endswith(words)} == set(PATHS)
