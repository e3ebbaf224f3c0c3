"""People and programs that may log in, and the trail of what they did."""

from functools import cached_property
from typing import TYPE_CHECKING

from appliance.wiring.archive import ArchiveParts

if TYPE_CHECKING:
    from appliance.accounts.first_run import FirstRun
    from appliance.accounts.invitations import Invitations
    from appliance.accounts.people import Accounts
    from appliance.accounts.shared_pcs import SharedPcs
    from appliance.accounts.throttle import Throttle
    from appliance.accounts.tokens import Tokens
    from appliance.audit.syslog import Export
    from appliance.audit.trail import Trail


class AccountParts(ArchiveParts):
    """Accounts, tokens and the audit trail."""

    @cached_property
    def throttle(self) -> "Throttle":
        from appliance.accounts.throttle import Throttle

        return Throttle(self.database)

    @cached_property
    def accounts(self) -> "Accounts":
        from appliance.accounts.people import Accounts

        return Accounts(self.database, self.throttle)

    @cached_property
    def first_run(self) -> "FirstRun":
        from appliance.accounts.first_run import FirstRun

        label = self.settings.data / "vendor" / "setup-code"
        return FirstRun(self.database, self.accounts, self.throttle, label=label)

    @cached_property
    def shared_pcs(self) -> "SharedPcs":
        from appliance.accounts.shared_pcs import SharedPcs

        return SharedPcs(self.database)

    @cached_property
    def tokens(self) -> "Tokens":
        from appliance.accounts.tokens import Tokens

        return Tokens(self.database)

    @cached_property
    def invitations(self) -> "Invitations":
        from appliance.accounts.invitations import Invitations

        return Invitations(self.database, self.tokens, self.throttle)

    @cached_property
    def trail(self) -> "Trail":
        from appliance.audit.trail import Trail

        return Trail(self.database, self.settings.data / "audit.anchor")

    @cached_property
    def audit_export(self) -> "Export":
        from appliance.audit.syslog import Export

        return Export(self.database)
