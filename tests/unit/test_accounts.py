"""People: passwords, PINs, the authenticator, roles, and the last administrator."""

import pyotp
import pytest

from appliance.accounts.people import PIN_TRIES, LastAdministrator, PinBlocked, new_totp_secret
from appliance.accounts.throttle import FREE_TRIES, TooManyTries
from appliance.clock import now
from appliance.errors import BadInput, WrongCredentials
from appliance.wiring import Box

PASSWORD = "correct horse battery"


@pytest.fixture
def set_up(box: Box) -> Box:
    """A box with its first administrator."""
    box.first_run.set_up(clinic="Paw", kind="vet", name="Ann", password=PASSWORD)
    return box


def _pc(box: Box) -> int:
    found = box.shared_pcs.by_key(box.shared_pcs.enrol("X-ray room", "Ann"))
    assert found is not None
    return found.id


def test_the_last_administrator_cannot_be_locked_out(set_up: Box) -> None:
    """Neither by shutting the account nor by another role; with a second one both go."""
    ann = set_up.accounts.all()[0]
    for attempt in (
        lambda: set_up.accounts.disable(ann.id),
        lambda: set_up.accounts.set_role(ann.id, "doctor"),
    ):
        with pytest.raises(LastAdministrator):
            attempt()
    bob = set_up.accounts.add("Bob", "administrator", PASSWORD)
    set_up.accounts.disable(ann.id)
    with pytest.raises(LastAdministrator):
        set_up.accounts.disable(bob.id)


def test_wrong_tries_elsewhere_do_not_keep_a_person_out_at_the_clinic(set_up: Box) -> None:
    """An attacker who keeps guessing slows down himself and strangers, not the clinic's own PC; over restarts too."""
    pc = _pc(set_up)
    for _ in range(FREE_TRIES + 3):
        with pytest.raises((WrongCredentials, TooManyTries)):
            set_up.accounts.log_in("Ann", "guess", "10.0.0.66")
    again = Box(set_up.settings)
    with pytest.raises(TooManyTries):
        again.accounts.log_in("Ann", PASSWORD, "10.0.0.67")
    assert again.accounts.log_in("Ann", PASSWORD, "10.0.0.5", pc=pc).name == "Ann"


def test_a_pin_works_on_a_pc_of_the_clinic_until_it_was_guessed_too_often(set_up: Box) -> None:
    """Then only the password opens, and the PIN works again after it."""
    ann, pc = set_up.accounts.all()[0], _pc(set_up)
    set_up.accounts.set_pin(ann.id, "2580")
    assert set_up.accounts.log_in_with_pin(ann.id, "2580", pc).name == "Ann"
    set_up.throttle.failed(*[f"pin {ann.id} pc {pc}"] * PIN_TRIES)
    with pytest.raises((PinBlocked, TooManyTries)):
        set_up.accounts.log_in_with_pin(ann.id, "2580", pc)
    set_up.accounts.forget_pin_tries(ann.id, pc)
    assert set_up.accounts.log_in_with_pin(ann.id, "2580", pc).name == "Ann"


@pytest.mark.parametrize("pin", ["123", "1111", "12a4", "123456789", ""])
def test_weak_pins_are_refused(set_up: Box, pin: str) -> None:
    """4 to 8 digits, not all the same."""
    with pytest.raises(BadInput):
        set_up.accounts.set_pin(set_up.accounts.all()[0].id, pin)


def test_a_code_of_the_authenticator_serves_once(set_up: Box) -> None:
    """And it counts only after it was proven with a code."""
    ann, secret = set_up.accounts.all()[0], new_totp_secret()
    with pytest.raises(WrongCredentials):
        set_up.accounts.set_totp(ann.id, secret, "000000")
    assert not set_up.accounts.get(ann.id).has_totp
    totp, step = pyotp.TOTP(secret), int(now().timestamp()) // 30
    set_up.accounts.set_totp(ann.id, secret, totp.at((step - 1) * 30))
    set_up.accounts.check_code(ann, totp.at((step + 1) * 30))
    with pytest.raises(WrongCredentials):
        set_up.accounts.check_code(ann, totp.at((step + 1) * 30))


def test_a_new_password_role_or_a_shut_account_ends_its_sessions(set_up: Box) -> None:
    """The key that a session holds names nobody any more."""
    set_up.accounts.add("Bob", "administrator", PASSWORD)
    vera = set_up.accounts.add("Vera", "viewer", PASSWORD)
    for change in (
        lambda: set_up.accounts.set_password(vera.id, "another long one"),
        lambda: set_up.accounts.set_role(vera.id, "doctor"),
        lambda: set_up.accounts.disable(vera.id),
    ):
        key = set_up.accounts.get(vera.id).session_key
        assert set_up.accounts.by_session_key(key) is not None
        change()
        assert set_up.accounts.by_session_key(key) is None
    with pytest.raises(WrongCredentials):
        set_up.accounts.log_in("Vera", "another long one", "10.0.0.5")


def test_a_clock_that_was_set_back_does_not_lock_anybody_out(set_up: Box) -> None:
    """Wrong tries noted in what is now the future do not count as a wait."""
    place = "name ann anywhere"
    with set_up.database.write() as db:
        db.conn.execute("INSERT INTO failed_try VALUES (?, 50, '2099-01-01T00:00:00.000000Z')", [place])
    assert set_up.accounts.log_in("Ann", PASSWORD, "10.0.0.5").name == "Ann"
