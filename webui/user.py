"""The account of a session, as Flask-Login wants it."""

from dataclasses import dataclass

from flask_login import UserMixin

from appliance.accounts.people import Account
from appliance.accounts.roles import Role


@dataclass
class User(UserMixin):  # type: ignore[misc]  # flask-login has no types
    """Somebody who is logged in."""

    account: Account

    def get_id(self) -> str:
        return self.account.session_key

    @property
    def name(self) -> str:
        """The account's name."""
        return self.account.name

    @property
    def role(self) -> Role:
        """The account's role."""
        return self.account.role
