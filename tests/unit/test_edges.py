"""Validators, settings, logs, the command line's refusals."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from appliance.errors import BadSetting
from appliance.logs import Log
from appliance.settings import load
from appliance.validators import valid_ae_title, valid_http_url, valid_name, valid_port, valid_uid

ACCEPTED = [
    (valid_uid, "1.2.840.10008.1.1"),
    (valid_uid, "0"),
    (valid_ae_title, "DX 1"),
    (valid_ae_title, "A" * 16),
    (valid_port, "0"),
    (valid_port, "65535"),
    (valid_name, "Dr. Müller"),
    (valid_http_url, "https://reader.example/dicom-web"),
    (valid_http_url, "http://127.0.0.1:8042"),
]
REFUSED = [
    (valid_uid, "1..2"),
    (valid_uid, "1.02"),
    (valid_uid, "1." * 40),
    (valid_uid, "../x"),
    (valid_ae_title, ""),
    (valid_ae_title, "A" * 17),
    (valid_ae_title, "a\\b"),
    (valid_port, "-1"),
    (valid_port, "65536"),
    (valid_port, "x"),
    (valid_name, ""),
    (valid_name, "<b>"),
    (valid_http_url, "ftp://x"),
    (valid_http_url, "https://user:pw@x/"),
    (valid_http_url, "javascript:alert(1)"),
]


@pytest.mark.parametrize(("check", "value"), ACCEPTED)
def test_accepted_values(check, value: str) -> None:
    """Come back clean."""
    assert str(check(value)) == value


@pytest.mark.parametrize(("check", "value"), REFUSED)
def test_refused_values(check, value: str) -> None:
    """Raise with what is allowed."""
    with pytest.raises(ValueError, match=r"\w"):
        check(value)


def test_settings_layers_and_their_sources(tmp_path: Path) -> None:
    """Command line before environment before file before default."""
    (tmp_path / "settings.toml").write_text('ae_title = "FILE"\nhttp_port = 1000\n')
    settings = load(tmp_path, command_line={"http_port": "3000"}, environ={"BUCKY_HTTP_PORT": "2000"})
    assert (settings.ae_title, settings.sources["ae_title"]) == ("FILE", "settings.toml")
    assert (settings.http_port, settings.sources["http_port"]) == (3000, "command line")
    assert settings.sources["dicom_port"] == "default"


@pytest.mark.parametrize(
    "line", ["http_port = 99999", 'ae_title = "much too long a title"', "unknown = 1", "not toml", 'host = "x"']
)
def test_a_bad_setting_names_the_key_and_what_is_allowed(line: str, tmp_path: Path) -> None:
    """Nothing is silently reset."""
    (tmp_path / "settings.toml").write_text(line)
    with pytest.raises(BadSetting, match="not allowed"):
        load(tmp_path, command_line={}, environ={})


def test_a_log_takes_no_field_that_is_not_allowed(capsys: pytest.CaptureFixture[str]) -> None:
    """Patient data cannot be logged by mistake."""
    log = Log("test")
    with pytest.raises(ValueError, match="not allowed"):
        log.event("stored", patient_name="Rex")
    log.event("stored", row=1)
    assert json.loads(capsys.readouterr().err)["row"] == 1


def _bucky(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "appliance", *arguments], capture_output=True, text=True, timeout=60, check=False
    )


def test_a_used_port_is_one_clear_line_and_exit_1(tmp_path: Path) -> None:
    """For the page and for the DICOM services."""
    with socket.socket() as used:
        used.bind(("127.0.0.1", 0))
        used.listen()
        port = str(used.getsockname()[1])
        free = ["--host", "127.0.0.1", "--no-mdns", "--data", str(tmp_path / "box")]
        for option, other in (("--dicom-port", "--http-port"), ("--http-port", "--dicom-port")):
            done = _bucky("run", option, port, other, "0", *free)
            assert done.returncode == 1
            lines = [line for line in done.stderr.splitlines() if not line.startswith("{")]
            assert len(lines) == 1
            assert f"Port {port}" in lines[0]
            assert option in lines[0]


def test_an_unwritable_folder_is_one_clear_line_and_exit_1(tmp_path: Path) -> None:
    """A file stands where the folder should be."""
    (tmp_path / "file").write_text("")
    done = _bucky("run", "--data", str(tmp_path / "file" / "data"), "--no-mdns")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "cannot be written" in done.stderr


def test_wrong_usage_is_exit_2() -> None:
    """As every command line tool has it."""
    assert _bucky("study", "send").returncode == 2


_CRASH = """
import sys, threading
from appliance.logs import Log, log_crashes
log_crashes(Log("courier"))
def fail():
    raise ValueError("Zzsentinelzz")
thread = threading.Thread(target=fail)
thread.start()
thread.join()
class Odd:
    def __del__(self):
        fail()
Odd()
fail()
"""


def test_a_crash_is_logged_by_its_kind_and_place_and_never_by_its_text() -> None:
    """In a thread, in a finalizer and at the end of the process, which still fails."""
    done = subprocess.run([sys.executable, "-c", _CRASH], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [(line["event"], line["code"]) for line in lines] == [("crashed", "ValueError")] * 3
    assert all(line["place"].startswith("<string>:") for line in lines)
    assert "zzsentinelzz" not in done.stderr.lower()
