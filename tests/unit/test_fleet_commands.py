"""Every command of `bucky-fleet`, as the vendor's people type them."""

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from provisioning.fleet.acts import ACTS
from provisioning.fleet.cli import main

Run = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs one command on a service that was made with its keys; gives what it printed."""

    def go(*words: str, expect: int = 0, stdin: str = "") -> str:
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        status = main(["--data", str(tmp_path / "fleet"), *words])
        told = capsys.readouterr()
        assert status == expect, told.err
        return told.out + told.err

    offline = str(tmp_path / "offline")
    go("init", "--url", "https://fleet.example", "--host", "fleet.example", "--offline", offline)
    go("ceremony", "--offline", offline)
    return go


def _register(run: Run, tmp_path: Path, serial: str, number: int) -> str:
    return run("register", serial, f"{number:064x}", "--trust", str(tmp_path / f"{serial}.json")).strip()


def test_a_box_from_the_factory_to_its_end(run: Run, tmp_path: Path) -> None:
    """Label, voucher, settings, commands, replacement, revocation and the order to wipe."""
    code = _register(run, tmp_path, "BX-0001", 1)
    _register(run, tmp_path, "BX-0002", 2)
    again = run("label", "BX-0001", str(tmp_path / "again.pdf")).strip()
    assert again != code
    assert (tmp_path / "again.pdf").read_bytes().startswith(b"%PDF")
    run("voucher", "BX-0001", str(tmp_path / "stick"), "--clinic", "Small Animal Practice", "--set", "ae_title=XRAY")
    assert (tmp_path / "stick").stat().st_size > 200
    assert run("settings", "BX-0001", "ae_title=XRAY", "exam_days=3").strip() == "1"
    assert "belongs to the clinic" in run("settings", "BX-0001", "ae_title=XRAY", "host=1.2.3.4", expect=1)
    assert "KEY=VALUE" in run("settings", "BX-0001", "ae_title", expect=1)
    assert run("command", "BX-0001", "echo-modality", "row=1").strip() == "1"
    assert "it needs row" in run("command", "BX-0001", "echo-modality", "row=x", expect=1)
    assert "one of" in run("command", "BX-0001", "shell", expect=1)
    run("replace", "BX-0001", "BX-0002")
    assert "BX-0002\tSmall Animal Practice\tregistered" in run("boxes", "--search", "animal")
    run("revoke", "BX-0001")
    run("retire", "BX-0002", "--offline", str(tmp_path / "offline"))
    assert "wipe-pending" in run("boxes")
    assert "no such" in run("revoke", "BX-9999", expect=1).lower()
    told = run("audit", "--last", "20")
    for what in ("registered", "label-renewed", "assigned", "settings-made", "command-made", "replaced", "wipe-made"):
        assert what in told


def test_releases_from_the_ceremony_to_a_halt(run: Run, tmp_path: Path) -> None:
    """Only what was signed is rolled out; a lost root key is exchanged."""
    archive = tmp_path / "release.tar.gz"
    with tarfile.open(archive, "w:gz") as packed:
        packed.add(__file__, "VERSION")
    offline = str(tmp_path / "offline")
    assert "sign it first" in run("rollout", "--start", "1.1", expect=1)
    assert run("release", "1.1", str(archive), "--offline", offline).strip() == "bucky-1.1.tar.gz"
    assert "1.1\trunning\tring 1" in run("rollout", "--start", "1.1", "--soak", "60")
    assert "1.1\thalted" in run("rollout", "--halt", "1.1")
    run("renew-root", "--lost", "2", "--offline", offline)
    assert (tmp_path / "fleet" / "releases" / "metadata" / "2.root.json").exists()


def test_people_come_and_go(run: Run) -> None:
    """The secret for the authenticator is shown once; a short password is refused."""
    assert "otpauth://totp/" in run("staff", "sue", "--role", "owner", stdin="a long password here\n")
    assert "at least 12" in run("staff", "bob", stdin="short\n", expect=1)
    run("staff", "sue", "--block")
    run("staff", "sue", "--unblock")
    assert run("staff", "sue", "--password", stdin="another long password\n") == ""
    assert "at least 12" in run("staff", "sue", "--password", stdin="\n", expect=1)
    secrets = {run("staff", "sue", "--authenticator") for _ in range(2)}
    assert len(secrets) == 2
    assert all(text.startswith("otpauth://totp/") for text in secrets)
    assert "somebody else" in run("staff", "nobody", "--authenticator", expect=1)
    run("staff", "sue", "--remove")
    told = run("audit")
    for what in ("added", "blocked", "unblocked", "removed"):
        assert f"staff-{what}" in told
    assert "password-set" in told
    assert "authenticator-set" in told


def test_nginx_is_told_to_overwrite_what_a_client_says_of_itself(run: Run) -> None:
    """Both headers, at every request."""
    text = run("nginx", "--name", "fleet.example")
    assert "proxy_set_header X-Client-Certificate $ssl_client_escaped_cert;" in text
    assert "proxy_set_header X-Client-Verify $ssl_client_verify;" in text


def test_a_service_is_made_once_and_keys_are_for_its_user_only(run: Run, tmp_path: Path) -> None:
    """Whatever the umask is."""
    again = ("init", "--url", "https://x.example", "--host", "x.example", "--offline", str(tmp_path / "other"))
    assert "made here already" in run(*again, expect=1)
    keys = [*(tmp_path / "fleet" / "keys").iterdir(), *(tmp_path / "offline").iterdir()]
    private = [path for path in keys if b"PRIVATE KEY" in path.read_bytes() or path.name == "session-key"]
    assert len(private) == 10
    assert {path.stat().st_mode & 0o777 for path in private} == {0o600}
    assert (tmp_path / "fleet" / "keys").stat().st_mode & 0o777 == 0o700


def test_every_command_has_its_words() -> None:
    """As `bucky-fleet --help` shows them."""
    assert all(help_text for help_text, _, _ in ACTS.values())
