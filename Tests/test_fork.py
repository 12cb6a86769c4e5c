"""fork() at the worst moment: while the engine's thread is inside a TLS handshake."""

import os
import signal
import sys
import time

import tracevault as tv
from launcher import Standin, standin

FORKS = 40
CHILD_SECONDS = 30


def vault_for(server: Standin) -> tuple[tv.Vault, str]:
    account = server.accounts[0]
    vault = tv.Vault.in_memory()
    with vault.edit() as edit:
        token = tv.ApiToken(server.credential(account.id).token)
        edit.put(account.tenant, account.id, token, origin=server.origin)
    return vault, account.tenant


def fetch_in_child(server: Standin, settings: dict[str, str | int]) -> int:
    """A fork's own life: new vault, new engine, one trace. Ends the process."""
    code = 1
    try:
        signal.alarm(CHILD_SECONDS)  # a hang is a failure, not a wait for ever
        vault, tenant = vault_for(server)
        ref = server.messages_of(server.accounts[0].id)[0].postfix_id
        with tv.Engine(settings) as engine:
            code = 0 if engine.trace(vault.tenant(tenant), None, ref, timeout=20).lines else 2
    finally:
        sys.stdout.flush()
        os._exit(code)


def test_a_child_forked_during_a_handshake_can_fetch() -> None:
    with standin(quota=0) as server:
        vault, tenant = vault_for(server)
        ref = server.messages_of(server.accounts[0].id)[0].postfix_id
        settings: dict[str, str | int] = {
            "api.base_url": server.base_url,
            "tls.ca_file": server.ca_file,
            "budget.quota": 0,
        }
        failed = []
        for number in range(FORKS):
            with tv.Engine(settings) as engine:
                engine.submit(tv.Request.trace(vault.tenant(tenant), None, ref))
                # A little later each time: the forks are spread over the handshake.
                time.sleep(number * 0.0002)
                child = os.fork()
                if child == 0:
                    fetch_in_child(server, settings)
                result = engine.take(timeout=20)
                assert result is not None and result.error is None
                _, status = os.waitpid(child, 0)
                if status != 0:
                    failed.append((number, status))
        assert failed == []
