"""A TheHive Cortex analyzer: an observable "mail_message_id" is hunted in all accounts.

Its configuration in Cortex: vault and key_file, the files' paths in the analyzer's container.
"""

from __future__ import annotations

from typing import Any

import tracevault as tv
from cortexutils.analyzer import Analyzer


class TraceVaultAnalyzer(Analyzer):  # type: ignore[misc]
    """Who received the message, and which accounts could not be asked."""

    def run(self) -> None:
        """What Cortex calls."""
        vault_file = self.get_param("config.vault", None, "the vault's path is missing")
        key_file = self.get_param("config.key_file", None, "the key file's path is missing")
        try:
            with (
                tv.Vault.open(vault_file, tv.KeyFile(key_file)) as vault,
                tv.Engine() as engine,
            ):
                hunt = engine.hunt(vault, message_id=self.get_data())
                rows = [row for finding in hunt for row in finding.to_rows()]
        except tv.TraceVaultError as error:
            self.error(str(error))
        self.report({"rows": rows})

    def summary(self, raw: dict[str, Any]) -> dict[str, Any]:
        """The short line at the observable. A hunt that is not complete is not "safe"."""
        copies = {(row["account_id"], row["message_ref"]) for row in raw["rows"]}
        received = sum(ref is not None for _, ref in copies)
        failed = sum(row["error"] is not None for row in raw["rows"])
        level = "suspicious" if received else "info" if failed else "safe"
        value = f"{received} copies" + (f", {failed} not answered" if failed else "")
        return {"taxonomies": [self.build_taxonomy(level, "TraceVault", "Received", value)]}


if __name__ == "__main__":
    TraceVaultAnalyzer().run()
