"""Opens what a verb works with: the vault, a tenant, the engine."""

from __future__ import annotations

import contextlib
import math
import os
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING, cast

from .. import credentials
from .._setting_names import none_such
from ..client import Engine
from ..credentials import Unlock
from ..errors import (
    AmbiguousError,
    ArgumentError,
    NotFoundError,
    Status,
    TraceVaultError,
    UnlockError,
    VaultMissingError,
    is_account_id,
)
from ..vault import Account, Tenant, Vault
from . import out
from .options import WHOM, Given, Options
from .secret_input import ask, line_of_descriptor, line_of_file, line_of_stdin

if TYPE_CHECKING:
    from ..edit import Edit
    from ..notices import Notice

#: The notices that people at a terminal are told; the others are in the answers, or in `doctor`.
TOLD = ("rate_limited", "credential_expiring", "vault_unfollowed", "redis_away", "redis_slow",
        "redis_flushed")  # fmt: skip
_DEADLINE = "request.deadline_ms"
#: Where `tracevault init` and others say how the vault is unlocked.
HOW = "give --key-file, --passphrase-file, --passphrase-stdin, --passphrase-fd or --credential"


class Session:
    """An open vault and the settings of the call; ``unlock`` is what opened it."""

    def __init__(
        self, options: Options, path: str, vault: Vault, unlock: Unlock, settings: dict[str, str]
    ) -> None:
        self.options = options
        self.path = path
        self.vault = vault
        self.unlock = unlock
        self.settings = settings
        self._tenants: dict[str | None, Tenant] = {}
        #: The generation of the vault that was looked at, its accounts by id and by label, and the
        #: names of its tenants.
        self._by_name: tuple[int, dict[str, list[Account]], set[str]] | None = None

    @contextlib.contextmanager
    def engine(self, *, wait: float = 0) -> Iterator[Engine]:
        """An engine with the call's settings, whose notices are told on standard error.

        ``wait`` is how many seconds its requests may wait for a pending trace: by so much longer is
        the deadline of those without a ``timeout`` of their own.
        """
        settings = {**self.settings, **self._deadline(wait)} if wait else self.settings
        with Engine(settings, notice=self._tell) as made:
            yield made

    def _deadline(self, wait: float) -> dict[str, str]:
        """The deadline of the settings, longer by a time to wait; not above its bound."""
        from ..offline import config_properties  # only where somebody waits

        (known,) = (one for one in config_properties() if one["name"] == _DEADLINE)
        deadline = int(self.settings.get(_DEADLINE) or known["default"])
        return {_DEADLINE: str(min(deadline + math.ceil(wait * 1000), int(known["max"])))}

    def _tell(self, notice: Notice) -> None:
        """Tell what no answer tells: why the work stands still, and what will fail soon."""
        if notice.kind in TOLD:
            if out.can_erase(sys.stderr):
                sys.stderr.write("\r\x1b[K")  # a progress line may stand there
            programs = self.options.for_programs
            out.note(str(notice), for_programs=programs, notice=notice.to_dict())

    def tenant(self) -> Tenant:
        """The tenant that was named, the one whose account was named, or the only one there is."""
        named = self.options.text("tenant")
        if named is None and self.account is not None:
            tenants = {one.tenant for one in self._named_accounts}
            if len(tenants) > 1:
                raise AmbiguousError(
                    f"{len(tenants)} tenants have this account ({some(tenants)}): name one with "
                    "--tenant",
                    status=Status.E_AMBIGUOUS,
                )
            named = tenants.pop()
        return self.tenant_of(named if named is not None else self._only_tenant())

    def tenant_of(self, name: str) -> Tenant:
        """The tenant of this name; where there is none, the error says who named it."""
        try:
            return self.vault.tenant(name)
        except NotFoundError:
            names = {one.tenant for one in self.vault.accounts()}
            said = none_such(name, names, "tenant")
        except ArgumentError as error:  # it can be no tenant's name
            error.message = self._blamed("tenant", name, error.message)
            raise
        told = self._blamed("tenant", name, said)
        raise NotFoundError(told, status=Status.E_NOT_FOUND)

    def require_possible(self, tenant: str | None) -> None:
        """Refuse what can be no tenant's name; one that is not there may be made."""
        if tenant is not None:
            with contextlib.suppress(NotFoundError):
                self.tenant_of(tenant).close()

    def _blamed(self, what: str, named: str, said: str) -> str:
        """What is wrong with a name, after the place that gave it."""
        given = self.options.get(what)
        return said if given is None or given.value != named else f"{given.placed(what)}: {said}"

    def require_known(self, error: TraceVaultError) -> None:
        """Take out of an error what the vault does not hold: it may be a secret in the wrong place.

        A vault that cannot be asked any more holds nothing.
        """
        known: set[str] = set()
        with contextlib.suppress(TraceVaultError):
            known = {name for one in self.vault.accounts() for name in (one.tenant, one.account_id)}
        error.tenant = error.tenant if error.tenant in known else ""
        error.account_id = error.account_id if error.account_id in known else ""

    def shown(self, tenant: str | None, account: str | None) -> dict[str, str | None]:
        """What may be shown of whom a line names: what the vault holds."""
        with contextlib.suppress(TraceVaultError):
            by_name, tenants = self._held()
            is_held = account is not None and account.casefold() in by_name
            return {
                "tenant": tenant if tenant in tenants else None,
                "account_id": account if is_held else None,
            }
        return {}

    def name_choices(self, error: TraceVaultError) -> None:
        """Where an account must be named: say in the error which there are."""
        if error.status is not Status.E_AMBIGUOUS or not error.tenant:
            return
        with contextlib.suppress(TraceVaultError), self.vault.tenant(error.tenant) as one:
            names = _names(one.accounts())
            error.message = f"{error.tenant} has {len(names)} accounts ({some(names)})"

    def _only_tenant(self) -> str:
        names = sorted({account.tenant for account in self.vault.accounts()})
        if len(names) == 1:
            return names[0]
        if not names:
            raise NotFoundError(
                "the vault is empty: tracevault account add stores a credential",
                status=Status.E_NOT_FOUND,
            )
        raise AmbiguousError(
            f"the vault has {len(names)} tenants ({some(names)}): name one with --tenant",
            status=Status.E_AMBIGUOUS,
        )

    @property
    def account(self) -> str | None:
        """The account that was named, by its id or by its label; one that is in the vault."""
        named = self.options.text("account")
        if named is None:
            return None
        ids = {one.account_id for one in self._named_accounts}
        if not ids:
            raise self._no_account(named)
        if len(ids) > 1:
            raise AmbiguousError(
                f"{len(ids)} accounts have the label {named!r}: give its id, or its --tenant",
                status=Status.E_AMBIGUOUS,
            )
        return ids.pop()

    def _no_account(self, named: str) -> NotFoundError:
        is_id = is_account_id(named.casefold())
        names = {one.account_id if is_id else _label(one) for one in self._accounts_there}
        said = none_such(named, names - {""}, "account")
        told = self._blamed("account", named, said)
        return NotFoundError(told, status=Status.E_NOT_FOUND)

    def place_of(self, tenant: str | None, account: str | None) -> tuple[Tenant, str | None]:
        """Whom a line asks, by what it says of the tenant and of the account, an id or a label.

        A line without a tenant has --tenant, or that of its account. What --tenant and --account
        say, from wherever they come, bounds what lines that others wrote may choose: what a line
        resolves to must be one of the accounts that they mean.
        """
        bound = self.options.get("tenant")
        if bound is not None and tenant not in (None, bound.value):
            raise _another("tenant", bound.placed("tenant"))
        if self.options.get("account") is not None:
            return self._within(tenant, account)
        if account is not None and tenant is None and bound is None:
            known = self.account_of(account, None)
            return self._lent(known.tenant), known.account_id
        lent = self._lent(tenant)
        if account is not None and not is_account_id(account):
            account = self.account_of(account, lent.name).account_id
        return lent, account

    def _within(self, tenant: str | None, account: str | None) -> tuple[Tenant, str]:
        """The same where --account is given: one of the accounts that it means, or nobody."""
        bound = self.options.get("account")
        assert bound is not None
        if not self._pairs:
            raise self._no_account(bound.value)
        if tenant is not None and tenant not in {one for one, _ in self._pairs}:
            raise _another("tenant", bound.placed("account"))
        if account is None:
            chosen = self._bound_of(tenant)
        else:
            found = [
                one
                for one in self._called(account)
                if tenant in (None, one.tenant) and (one.tenant, one.account_id) in self._pairs
            ]
            if not found:
                raise _another("account", bound.placed("account"))
            chosen = _only(found, account)
        return self._lent(chosen[0]), chosen[1]

    def _bound_of(self, tenant: str | None) -> tuple[str, str]:
        """The one account that --account means, of this tenant or of all."""
        whose = self.tenant().name if tenant is None else tenant
        ids = sorted(account for one, account in self._pairs if one == whose)
        if len(ids) > 1:
            raise AmbiguousError(
                f"{len(ids)} accounts of the tenant have the label that is given: give an id",
                status=Status.E_AMBIGUOUS,
            )
        return whose, ids[0]

    @property
    def _pairs(self) -> set[tuple[str, str]]:
        """The tenants and accounts that --account means."""
        return {(one.tenant, one.account_id) for one in self._named_accounts}

    def _lent(self, name: str | None) -> Tenant:
        """The tenant that a line names, or that of the call, taken once."""
        if name not in self._tenants:
            self._tenants[name] = self._tenant_of_line(name) if name else self.tenant()
        return self._tenants[name]

    def _tenant_of_line(self, name: str) -> Tenant:
        """The tenant that a line names; an error does not show one that the vault does not hold."""
        try:
            return self.vault.tenant(name)
        except NotFoundError:
            told = "no tenant has this name, which is not shown: it may be a secret"
            raise NotFoundError(told, status=Status.E_NOT_FOUND) from None
        except ArgumentError as error:  # it can be no tenant's name
            error.tenant = ""
            raise

    def account_of(self, named: str, tenant: str | None) -> Account:
        """The account that a list names by its id or its label, of this tenant or of all."""
        known = [one for one in self._called(named) if tenant in (None, one.tenant)]
        if not known:
            raise NotFoundError(
                "no account has this id or label, which is not shown: it may be a secret",
                status=Status.E_NOT_FOUND,
            )
        _only(known, named)
        return known[0]

    def _called(self, name: str) -> list[Account]:
        """The accounts with this id or label, in the vault as it is now."""
        return self._held()[0].get(name.casefold(), [])

    def _held(self) -> tuple[dict[str, list[Account]], set[str]]:
        """The accounts by id and label, and the names of the tenants, in the vault as it is now."""
        generation = self.vault.generation
        if self._by_name is None or self._by_name[0] != generation:
            found: dict[str, list[Account]] = {}
            tenants = set()
            for one in self.vault.accounts():
                tenants.add(one.tenant)
                for called in _called(one):
                    found.setdefault(called, []).append(one)
            self._by_name = (generation, found, tenants)
        return self._by_name[1:]

    @property
    def _named_accounts(self) -> list[Account]:
        """The accounts that --account means, by id or by label, of --tenant where it is given."""
        named, tenant = self.options.text("account"), self.options.text("tenant")
        if named is None:
            return []
        found = [one for one in self._called(named) if tenant in (None, one.tenant)]
        if tenant is not None and not found:
            self.tenant_of(tenant).close()  # one that is not there is told
        return found

    @property
    def chosen(self) -> list[Account]:
        """The accounts that --tenant and --account leave, each credential of them."""
        return self._accounts_there if self.account is None else self._named_accounts

    @property
    def is_of_one_tenant(self) -> bool:
        """Whether all that --tenant and --account leave is one tenant's."""
        try:
            if self.account is None:
                return self.options.text("tenant") is not None or len(self._held()[1]) <= 1
            return len({one.tenant for one in self._named_accounts}) <= 1
        except TraceVaultError:
            return True  # nobody's lines are answered where the vault cannot be read
        except MemoryError:
            return False  # there may be many

    @property
    def _accounts_there(self) -> list[Account]:
        """The accounts of --tenant, or all."""
        tenant = self.options.text("tenant")
        if tenant is None:
            return self.vault.accounts()
        with self.tenant_of(tenant) as one:
            return one.accounts()


def _called(one: Account) -> set[str]:
    """What an account goes by: its id, and its label where it has one."""
    return {one.account_id, _label(one).casefold()} - {""}


def _only(known: Iterable[Account], named: str) -> tuple[str, str]:
    """The tenant and the id of the one account that a line names; an error where it has several."""
    accounts = {(one.tenant, one.account_id) for one in known}
    if len(accounts) > 1:
        told = f"{len(accounts)} accounts have the label {named!r}: give its id, or its tenant"
        if len({account for _, account in accounts}) == 1:
            told = f"{len(accounts)} tenants have this account: give the tenant beside it"
        raise AmbiguousError(told, status=Status.E_AMBIGUOUS)
    return accounts.pop()


def _label(one: Account) -> str:
    """The label; none where it has the form of an id, which never names another account."""
    return "" if is_account_id(one.label.casefold()) else one.label


def _another(what: str, source: str) -> ArgumentError:
    """A line's error; it does not repeat the line."""
    return ArgumentError(
        f"the line names another {what} than {source}, and is not asked: leave that out where "
        "lines may choose",
        status=Status.E_ARGUMENT,
    )


def _names(accounts: Iterable[Account]) -> set[str]:
    """What names each account: its label, or its id where it has none or shares it."""
    labels = {one.account_id: _label(one) for one in accounts}
    often = Counter(label.casefold() for label in labels.values())
    return {
        label if label and often[label.casefold()] == 1 else account_id
        for account_id, label in labels.items()
    }


def some(names: Collection[str]) -> str:
    """A few of many names."""
    return ", ".join(sorted(names)[:5]) + (", ..." if len(names) > 5 else "")


class _Watched(Vault):
    """A vault that knows whether an edit of this call has changed it."""

    __slots__ = ("_edits",)

    def edit(self) -> Edit:
        made = super().edit()
        known = [one for one in getattr(self, "_edits", []) if one._committed or one._handle.usable]
        self._edits: list[Edit] = [*known, made]
        return made

    @property
    def is_changed(self) -> bool:
        """Whether an edit was committed."""
        return any(one._committed for one in getattr(self, "_edits", []))


@contextlib.contextmanager
def opened(options: Options) -> Iterator[Session]:
    """Open the vault that the options name."""
    path = options.required("vault", "which vault")
    settings = options.known_settings()
    for name in WHOM:
        options.get(name)  # an empty name ends the call before anything is opened
    found, unlock = open_vault(path, options, settings)
    try:
        with found:
            session = Session(options, path, found, unlock, settings)
            try:
                yield session
            except TraceVaultError as error:
                session.require_known(error)
                session.name_choices(error)
                raise
            finally:
                if found.is_changed:
                    options.done = "the vault is changed"
    finally:
        unlock.close()


def open_vault(path: str, options: Options, settings: dict[str, str]) -> tuple[_Watched, Unlock]:
    """Open a vault file with the unlock that the options name; give what opened it, too."""
    refused: UnlockError | None = None
    if options.unlock() is None:
        _require_there(path)
    for unlock in unlocks(options):
        try:
            found = _Watched.open(path, unlock, settings=settings)
            return cast("_Watched", found), unlock
        except UnlockError as error:
            refused = refused or error
        unlock.close()
    assert refused is not None
    raise refused


def _require_there(path: str) -> None:
    """Ask nobody for the passphrase of a vault that is not there."""
    if path.startswith("s3://"):
        return
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        told = "there is no vault file at the path: create it, or mend the path"
        raise VaultMissingError(told, status=Status.E_NO_VAULT).about(path=path) from None
    except OSError:
        return  # the library says what is wrong


def unlocks(options: Options) -> Iterator[Unlock]:
    """What may open the vault. A file of 32 bytes may be a key file or a raw key."""
    chosen = options.unlock()
    if chosen is None:
        yield ask_passphrase("Passphrase of the vault: ", HOW)
        return
    name, given = chosen
    if name == "key_file":
        yield credentials.KeyFile(given.value)
        yield from raw_key(given.value)
    else:
        yield one_unlock(name, given)


def raw_key(path: str | None) -> Iterator[Unlock]:
    """The file as a raw key, where it may be one."""
    if path is not None and os.path.getsize(path) == credentials.KEY_BYTES:
        yield credentials.RawKey.from_file(path)


def one_unlock(name: str, given: Given) -> Unlock:
    """The unlock of one option."""
    if name == "key_file":
        return credentials.KeyFile(given.value)
    if name == "credential":
        return credentials.SystemdCredential(given.value)
    if name == "passphrase_stdin":
        return credentials.Passphrase(line_of_stdin())
    if name == "passphrase_fd":
        return credentials.Passphrase(line_of_descriptor(given.value))
    return credentials.Passphrase(line_of_file(given.value))


def ask_passphrase(prompt: str, otherwise: str, *, twice: bool = False) -> Unlock:
    """A passphrase from the terminal."""
    return credentials.Passphrase(ask(prompt, otherwise, twice=twice))
