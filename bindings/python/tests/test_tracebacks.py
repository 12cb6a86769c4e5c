"""Whatever fails, and whatever type a secret had: no frame of this package holds it afterwards."""

from __future__ import annotations

import contextlib
import gc
import secrets
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import tracevault as tv

ACME = "acae0000000000000000000000000001"
PACKAGE = str(Path(tv.__file__).parent)
#: 32 bytes, so that it is a raw key as well.
TEXT = "test-secret-not-real-0123456789a"
GOOD_KEY = bytes(range(32))

SHAPES: dict[str, Callable[[], Any]] = {
    "bytes": TEXT.encode,
    "bytearray": lambda: bytearray(TEXT.encode()),
    "memoryview": lambda: memoryview(bytearray(TEXT.encode())),
    "read-only memoryview": lambda: memoryview(TEXT.encode()),
    "str": lambda: TEXT,
    "not Unicode": lambda: TEXT + "\udc80",
    "with a space": lambda: TEXT + " a",
    "another type": lambda: [TEXT],
}


class Place:
    """A vault to fail on."""

    def __init__(self, folder: Path) -> None:
        folder.chmod(0o700)
        self.path = folder / "soc.vault"
        self.vault = tv.Vault.create(self.path, tv.RawKey(GOOD_KEY))

    def put(self, credential: Any, tenant: str = "acme", account: str = ACME, **more: Any) -> None:
        with self.vault.edit() as edit:
            edit.put(tenant, account, credential, **more)

    def closed(self) -> tv.Edit:
        edit = self.vault.edit()
        edit.close()
        return edit


@pytest.fixture
def place(tmp_path: Path, library_path: Path) -> Iterator[Place]:
    assert library_path
    made = Place(tmp_path)
    yield made
    made.vault.close()


def locked(vault: tv.Vault) -> tv.Vault:
    vault.lock()
    return vault


#: Each fails for every shape above, at the secret or later.
CALLS: dict[str, Callable[[Place, Any], object]] = {
    "ApiToken, surplus": lambda _, s: tv.ApiToken(s, s),  # type: ignore[call-arg]
    "ApiToken, unknown name": lambda _, s: tv.ApiToken(token=s),  # type: ignore[call-arg]
    "GlobalKey, no e-mail": lambda _, s: tv.GlobalKey(secret=s),  # type: ignore[call-arg]
    "put, bad tenant": lambda p, s: p.put(tv.ApiToken(s), "a\nb"),
    "put, tenant not Unicode": lambda p, s: p.put(tv.ApiToken(s), "\ud800"),
    "put, bad account": lambda p, s: p.put(tv.ApiToken(s), account="x"),
    "put, bad label": lambda p, s: p.put(tv.ApiToken(s), label="\n"),
    "put, bad origin": lambda p, s: p.put(tv.ApiToken(s), origin="ftp://x"),
    "put, bad time": lambda p, s: p.put(tv.ApiToken(s), expires="soon"),
    "put, closed": lambda p, s: p.closed().put("acme", ACME, tv.ApiToken(s)),
    "put, bad e-mail": lambda p, s: p.put(tv.GlobalKey("nobody", s)),
    "put, e-mail not text": lambda p, s: p.put(tv.GlobalKey(7, s)),  # type: ignore[arg-type]
    "put, key and bad tenant": lambda p, s: p.put(tv.GlobalKey("a@b.example", s), "a\nb"),
    "put, no credential": lambda p, s: p.put(s),
    "put, unknown name": lambda p, s: p.put(tv.ApiToken(s), token=s),
    "Unlock": lambda _, s: tv.Unlock("tv_unlock_none", s),
    "Passphrase": lambda _, s: tv.Passphrase(s * 33),
    "RawKey": lambda _, s: tv.RawKey(s * 2),
    "open, wrong key": lambda p, s: tv.Vault.open(p.path, tv.RawKey(s)),
    "open, no unlock": lambda p, s: tv.Vault.open(p.path, s),
    "open, no unlock, settings": lambda p, s: tv.Vault.open(p.path, s, settings={"x": 1}),
    "create, no unlock": lambda p, s: tv.Vault.create(p.path, s),
    "create, taken": lambda p, s: tv.Vault.create(p.path, tv.RawKey(s)),
    "unlock, no unlock": lambda p, s: locked(p.vault).unlock(s),
    "unlock, wrong key": lambda p, s: locked(p.vault).unlock(tv.RawKey(s)),
    "export, no unlock": lambda p, s: p.vault.export(p.path.with_name("b"), s),
    "export, taken": lambda p, s: p.vault.export(p.path, tv.RawKey(s)),
    "add_unlock, no unlock": lambda p, s: p.vault.edit().add_unlock(s, known=s),
    "add_unlock, closed": lambda p, s: p.closed().add_unlock(
        tv.RawKey(s), known=tv.RawKey(GOOD_KEY)
    ),
    "rekey, no unlock": lambda p, s: p.vault.edit().rekey(s),
}


def reasons(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__context__


def shown(error: BaseException) -> Iterator[tuple[str, str]]:
    """What an error reporter would write down of this package's frames."""
    for reason in reasons(error):
        yield "the message", repr(reason)
        yield "the arguments", repr(vars(reason)) + repr(getattr(reason, "object", None))
        told = traceback.TracebackException.from_exception(reason, capture_locals=True)
        for frame in told.stack:
            if frame.filename.startswith(PACKAGE):
                for name, value in (frame.locals or {}).items():
                    yield f"{name} in {frame.name}", value


def hidden(error: BaseException) -> Iterator[tuple[str, object]]:
    """Variables of this package's frames themselves, and what closures of theirs hold."""
    for reason in reasons(error):
        for frame, _ in traceback.walk_tb(reason.__traceback__):
            if frame.f_code.co_filename.startswith(PACKAGE):
                yield from frame.f_locals.items()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("call", CALLS)
def test_a_call_that_fails_leaves_no_secret_in_our_frames(
    place: Place, call: str, shape: str
) -> None:
    with pytest.raises((tv.TraceVaultError, TypeError, ValueError, AttributeError)) as caught:
        CALLS[call](place, SHAPES[shape]())
    for where, value in shown(caught.value):
        assert "not-real" not in value, where
    for where, held in hidden(caught.value):
        assert not isinstance(held, (bytes, bytearray, memoryview, str, list, tuple)), where


#: A proxy's URL may hold a password.
PROXY = f"http://user:{TEXT}@127.0.0.1:1"
SETTINGS: dict[str, dict[str, Any]] = {
    "another name is unknown": {"http.proxy": PROXY, "http.no": 1},
    "another value is bad": {"http.proxy": PROXY, "http.max_streams": "x"},
    "another is not text": {"http.proxy": PROXY, "http.max_streams": object()},
    "not a URL": {"http.proxy": PROXY + "\n"},
    "not Unicode": {"http.proxy": PROXY + "\udc80"},
    "of an engine, which then fails": {"http.proxy": PROXY, "api.base_url": "ftp://x"},
}
USERS: dict[str, Callable[[Place, Any], object]] = {
    "Engine": lambda _, s: tv.Engine(s),
    "AsyncEngine": lambda _, s: tv.AsyncEngine(s),
    "Vault.in_memory": lambda _, s: tv.Vault.in_memory(settings=s),
    "Vault.create": lambda p, s: tv.Vault.create(
        p.path.with_name("b"), tv.RawKey(GOOD_KEY), settings=s
    ),
    "Vault.open": lambda p, s: tv.Vault.open(p.path, tv.RawKey(GOOD_KEY), settings=s),
    "export": lambda p, s: p.vault.export(p.path.with_name("b"), tv.RawKey(GOOD_KEY), settings=s),
}


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("user", USERS)
def test_settings_that_are_refused_leave_no_password_in_our_frames(
    place: Place, user: str, settings: str
) -> None:
    try:
        USERS[user](place, SETTINGS[settings])
    except (tv.TraceVaultError, TypeError) as error:
        for where, value in shown(error):
            assert "not-real" not in value, where
        for where, held in hidden(error):
            assert not isinstance(held, (bytes, str, dict, list, tuple)), where
    else:
        # Only an engine asks for more than the table of settings does.
        assert not user.endswith("Engine")
        assert settings.startswith("of an engine")


def test_nothing_that_the_interpreter_holds_has_a_secret_once_the_call_is_over(
    place: Place,
) -> None:
    # Kept backwards, so that this test itself is not found.
    backwards = secrets.token_hex(16)[::-1]

    def failed(call: Callable[[Place, Any], object], given: Any) -> None:
        with contextlib.suppress(tv.TraceVaultError, TypeError, ValueError, AttributeError):
            call(place, given)

    for call in CALLS.values():
        failed(call, backwards[::-1])
        failed(call, backwards[::-1].encode())
    for user in USERS.values():
        failed(user, {"http.proxy": f"http://user:{backwards[::-1]}@127.0.0.1:1", "http.no": 1})
    place.vault.unlock(tv.RawKey(GOOD_KEY))
    place.put(tv.ApiToken(backwards[::-1]))
    place.put(tv.GlobalKey("a@b.example", backwards[::-1].encode()), account="b" * 32)
    gc.collect()
    found = []
    for holder in gc.get_objects():
        for held in gc.get_referents(holder):
            if isinstance(held, (str, bytes, bytearray)):
                text = held if isinstance(held, str) else bytes(held).decode("latin-1")
                if backwards in text[::-1]:
                    found.append(type(holder).__name__)
    assert found == []


def test_frames_of_the_caller_are_left_alone(place: Place) -> None:
    def caller() -> None:
        kept = "the caller's own"
        place.put(tv.ApiToken(TEXT), "a\nb")
        assert kept

    with pytest.raises(tv.ArgumentError) as caught:
        caller()
    told = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    (frame,) = (frame for frame in told.stack if frame.name == "caller")
    assert frame.locals is not None
    assert frame.locals["kept"] == repr("the caller's own")


def test_an_interruption_leaves_no_secret_either(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("tracevault.edit.check", interrupted)
    with pytest.raises(KeyboardInterrupt) as caught:
        place.put(tv.ApiToken(TEXT))
    for where, value in shown(caught.value):
        assert "not-real" not in value, where


def test_a_decorated_call_keeps_its_name_and_signature() -> None:
    import inspect

    assert tv.Edit.put.__name__ == "put"
    assert "credential" in inspect.signature(tv.Edit.put).parameters
    assert list(inspect.signature(tv.ApiToken).parameters) == ["secret"]
