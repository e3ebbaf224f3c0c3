"""The first run: the code of the label makes the first administrator, and nobody else can."""

import secrets
from pathlib import Path

from appliance.accounts.people import Account, Accounts
from appliance.accounts.throttle import Throttle
from appliance.archive.database import Database
from appliance.errors import BadInput, WrongCredentials

PRACTICES = ("vet", "chiro", "podiatry", "human")
_CODE_ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"  # no characters that are easily mistaken on a label


class FirstRun:
    """Sets the box up, once."""

    def __init__(self, database: Database, accounts: Accounts, throttle: Throttle, *, label: Path) -> None:
        """`label` is the file with the code that was printed on the device's label, if the device has one."""
        self._database = database
        self._accounts = accounts
        self._throttle = throttle
        self._label = label

    @property
    def needed(self) -> bool:
        """Whether there is no administrator yet."""
        return self._accounts.needs_setup

    def setup_code(self) -> str:
        """The code of the device's label, else one made at first use; who knows it may become administrator."""
        if self._label.exists():
            return self._label.read_text().strip().upper()
        code = self._database.setting("setup_code")
        if code is None:
            code = new_code()
            self._database.set_setting("setup_code", code)
        return code

    def set_up(self, *, clinic: str, kind: str, name: str, password: str) -> Account:
        """Name the clinic and make its first administrator."""
        if kind not in PRACTICES:
            raise BadInput(field="Kind of practice", reason=f"one of {', '.join(PRACTICES)}")
        if not clinic.strip() or len(clinic) > 100:
            raise BadInput(field="Clinic", reason="1 to 100 characters")
        account = self._accounts.add(name, "administrator", password, only_if_first=True)
        self._database.set_setting("clinic_name", clinic.strip())
        self._database.set_setting("practice_kind", kind)
        self._database.set_setting("setup_code", None)
        return account

    def set_up_with_code(self, code: str, address: str, *, clinic: str, kind: str, name: str, password: str) -> Account:
        """The same from the page, proven by the setup code; guessing it is slowed down."""
        place = f"setup from {address}"  # by address alone: guessing elsewhere must not keep the owner out
        self._throttle.check(place)
        given = tidied(code)
        if not secrets.compare_digest(given.encode(), self.setup_code().encode()):
            self._throttle.failed(place)
            raise WrongCredentials(what="The setup code")
        account = self.set_up(clinic=clinic, kind=kind, name=name, password=password)
        self._throttle.succeeded(place)
        return account


def new_code() -> str:
    """Eight letters and digits in two groups, of 30 that are not mistaken for each other: 30^8 codes."""
    letters = "".join(secrets.choice(_CODE_ALPHABET) for _ in range(8))
    return f"{letters[:4]}-{letters[4:]}"


def tidied(code: str) -> str:
    """A code as it was made, however somebody typed it."""
    return code.strip().upper().replace(" ", "")
