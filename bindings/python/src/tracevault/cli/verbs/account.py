"""``tracevault account``: the group with all its verbs."""

from . import account_change, account_check, account_import, account_lift
from .account_group import account

__all__ = ["account", "account_change", "account_check", "account_import", "account_lift"]
