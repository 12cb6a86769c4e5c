"""Secrets on their way in: what opens a vault, and what is stored in one.

No object here gives its secret back, shows it or can be pickled.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from ._abi import ConfigRef, UnlockRef
from ._handle import Handle, encoded
from ._lib import check, library
from ._reading import not_private
from ._secret import HeldSecret, Secret, leaves_no_secret
from .errors import (
    ArgumentError,
    KeyFileMissingError,
    Opening,
    Status,
    TraceVaultError,
    VaultError,
)

KEY_BYTES = 32


class Unlock:
    """What opens a vault, held in the library's guarded memory. Usable any number of times."""

    __slots__ = ("_handle",)
    _handle: Handle[UnlockRef]

    @leaves_no_secret
    def __init__(self, make: str, secret: Secret) -> None:
        ref = UnlockRef()
        with HeldSecret(secret) as (address, length):
            check(getattr(library(), make), address, length, ctypes.byref(ref))
        self._handle = Handle(ref, "tv_unlock_free", "unlock secret")

    def _read(self, make: str, name: bytes) -> None:
        """Make it of a file; its name is no secret."""
        ref = UnlockRef()
        check(getattr(library(), make), name, len(name), ctypes.byref(ref))
        self._handle = Handle(ref, "tv_unlock_free", "unlock secret")

    def close(self) -> None:
        """Wipe it from the library's memory."""
        self._handle.close()

    def __repr__(self) -> str:
        handle = getattr(self, "_handle", None)  # none where making it failed
        return f"<{type(self).__name__}, {'open' if handle and handle.usable else 'closed'}>"

    def __reduce__(self) -> str | tuple[Any, ...]:
        raise TypeError(f"a {type(self).__name__} cannot be pickled")


def unlock_ref(unlock: Unlock) -> UnlockRef:
    """The handle of what was given as an unlock; ``TypeError`` when it is none."""
    if not isinstance(unlock, Unlock):
        raise TypeError(
            "an unlock is a Passphrase, RawKey, KeyFile or SystemdCredential, "
            f"not {type(unlock).__name__}"
        )
    return unlock._handle.ref


class Passphrase(Unlock):
    """A passphrase of 1 to 1024 bytes. Opening takes about a second, by design.

    A ``bytearray`` is wiped at once. ``bytes`` and ``str`` cannot be wiped: Python keeps them in
    memory until it reuses the space, so read passphrases into a ``bytearray`` where you can.
    """

    __slots__ = ()

    @leaves_no_secret
    def __init__(self, passphrase: Secret) -> None:
        super().__init__("tv_unlock_passphrase", passphrase)


class RawKey(Unlock):
    """A key of exactly 32 random bytes. Opens in milliseconds.

    A few bytes again and again are no key: :class:`ArgumentError`, as of a :class:`KeyFile`.

    A ``bytearray`` is wiped at once; ``bytes`` cannot be wiped.
    """

    __slots__ = ()

    @leaves_no_secret
    def __init__(self, key: bytearray | memoryview | bytes) -> None:
        if isinstance(key, str):
            raise TypeError("a raw key is bytes, not str")
        super().__init__("tv_unlock_key", key)

    @classmethod
    @leaves_no_secret
    def from_file(cls, path: str | os.PathLike[str]) -> RawKey:
        """Read the 32 bytes from a file that only its owner may read.

        The copy in Python's memory is wiped. A file that others could have read or written is
        refused, as :class:`KeyFile` does.
        """
        key = bytearray(KEY_BYTES + 1)
        try:
            with open(path, "rb", buffering=0, opener=_without_waiting) as file:
                _check_private(os.fstat(file.fileno()), os.fspath(path))
                count = file.readinto(key)
            if count != KEY_BYTES:
                raise ArgumentError(
                    f"the key file {os.fspath(path)} does not hold exactly {KEY_BYTES} bytes",
                    status=Status.E_ARGUMENT,
                )
            with memoryview(key) as view:
                return cls(view[:KEY_BYTES])
        finally:
            key[:] = bytes(len(key))


def _without_waiting(path: str, flags: int) -> int:
    """As ``open`` does, but a pipe in the file's place does not make the host wait."""
    with Opening(f"the key file {path}"):
        return os.open(path, flags | os.O_NONBLOCK)


def _check_private(status: os.stat_result, path: object) -> None:
    """Refuse a key file that somebody else could use; what :class:`KeyFile` demands."""
    reason = not_private(status)
    if reason:
        raise VaultError(f"the key file {path!s} {reason}", status=Status.E_UNSAFE_FILE)


class KeyFile(Unlock):
    """The content of a file that only its owner may read: 32 bytes to 64 KiB.

    The library reads the file itself; the key never passes through Python. Not the same key as
    :meth:`RawKey.from_file` makes of the file: that one takes 32 bytes as they are.
    """

    __slots__ = ()

    def __init__(self, path: str | os.PathLike[str]) -> None:
        name = os.fsencode(path)
        try:
            self._read("tv_unlock_keyfile", name)
        except VaultError as error:
            if not os.path.lexists(name):
                error = KeyFileMissingError("there is no key file at the path", status=error.status)
            raise error.about(path=os.fsdecode(name)) from None
        except TraceVaultError as error:
            raise error.about(path=os.fsdecode(name)) from None


class SystemdCredential(Unlock):
    """A credential that systemd handed to this service (``LoadCredential=``), by its name.

    Opens what the same content sealed as a :class:`KeyFile`, and the other way round.
    """

    __slots__ = ()

    def __init__(self, name: str) -> None:
        self._read("tv_unlock_credential", encoded(name, "name"))


class _Credential:
    """A secret on its way into a vault: used once, then wiped, never shown or pickled."""

    __slots__ = ("_secret",)

    @leaves_no_secret
    def __init__(self, secret: Secret) -> None:
        self._secret = HeldSecret(secret)

    def _held(self) -> HeldSecret:
        if self._secret.wiped:
            raise ArgumentError(
                "this credential was used already and is wiped: make a new one",
                status=Status.E_CREDENTIAL_FORMAT,
            )
        return self._secret

    def __repr__(self) -> str:
        return f"{type(self).__name__}(...)"

    def __reduce__(self) -> str | tuple[Any, ...]:
        raise TypeError(f"a {type(self).__name__} cannot be pickled")


class ApiToken(_Credential):
    """A Cloudflare API token. Good for one :meth:`Edit.put`, also one that fails.

    A ``bytearray`` is wiped at once; ``bytes`` and ``str`` cannot be wiped.
    """

    __slots__ = ()


class GlobalKey(_Credential):
    """A Global API Key with its e-mail. Good for one :meth:`Edit.put`, as :class:`ApiToken`."""

    __slots__ = ("email",)

    @leaves_no_secret
    def __init__(self, email: str, secret: Secret) -> None:
        super().__init__(secret)
        self.email: str = email
        """The user whose key it is."""


class NamedSecrets:
    """Secrets that are handed over by name, beside the settings of one call: wiped when it ends,
    never shown or pickled."""

    __slots__ = ("_secrets",)

    @leaves_no_secret
    def __init__(self, secrets: Iterable[tuple[str, Secret | None]]) -> None:
        self._secrets = [(name, HeldSecret(one)) for name, one in secrets if one is not None]

    def __repr__(self) -> str:
        return f"{type(self).__name__}(...)"

    def __reduce__(self) -> str | tuple[Any, ...]:
        raise TypeError(f"{type(self).__name__} cannot be pickled")


class StoreKeys(NamedSecrets):
    """What opens the object store of a vault at ``s3://bucket/key``: the access key, the secret
    key and, for temporary ones, the session token.

    Good for one call of :class:`Vault`, also one that fails; then wiped, never shown or pickled.
    Not needed where the setting ``s3.keys`` names a file, a credential of systemd or the
    environment. A ``bytearray`` is wiped at once; ``bytes`` and ``str`` cannot be wiped.
    """

    __slots__ = ()

    @leaves_no_secret
    def __init__(
        self, access_key: Secret, secret_key: Secret, session_token: Secret | None = None
    ) -> None:
        super().__init__(
            [
                ("s3.access_key", access_key),
                ("s3.secret_key", secret_key),
                ("s3.session_token", session_token),
            ]
        )


class RedisLogin(NamedSecrets):
    """What opens the Redis of a shared quota (``redis.addresses``): the password and, where its
    ACL names one, the user.

    Good for one :class:`Engine`, also one that is refused; then wiped, never shown or pickled.
    Not needed where the setting ``redis.login`` names a file or a credential of systemd. A
    ``bytearray`` is wiped at once; ``bytes`` and ``str`` cannot be wiped.
    """

    __slots__ = ()

    @leaves_no_secret
    def __init__(self, password: Secret, user: Secret | None = None) -> None:
        super().__init__([("redis.user", user), ("redis.password", password)])


@contextmanager
def wiping(secrets: NamedSecrets | None) -> Iterator[None]:
    """Wipe the secrets when the block ends, whatever came of it."""
    try:
        yield
    finally:
        if isinstance(secrets, NamedSecrets):
            for _, secret in secrets._secrets:
                secret.wipe()


@leaves_no_secret
def hand_over(
    secrets: NamedSecrets | None, kind: type[NamedSecrets], argument: str, config: ConfigRef
) -> None:
    """Put the secrets of an argument beside the settings."""
    if secrets is None:
        return
    if not isinstance(secrets, kind):
        raise TypeError(f"{argument} must be {kind.__name__}, not {type(secrets).__name__}")
    if any(secret.wiped for _, secret in secrets._secrets):
        raise ArgumentError(
            f"this {kind.__name__} was used already and is wiped: make a new one",
            status=Status.E_CREDENTIAL_FORMAT,
        )
    for name, secret in secrets._secrets:
        text = name.encode()
        with secret as (address, length):
            check(library().tv_config_secret, config, text, len(text), address, length)
