"""The phantom unit's network side and its command, against real peers on loopback."""

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pynetdicom import AE, evt

from appliance.errors import BuckyError
from appliance.phantom.__main__ import main
from appliance.phantom.ct import ct_slice
from appliance.phantom.dataset import phantom_study
from appliance.phantom.unit import AssociationLost, AssociationRejected, NotOffered, Unreachable, send, write

HOST = "127.0.0.1"


@pytest.fixture
def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def start_storescp(tmp_path: Path, free_port: int) -> Iterator[Callable[..., tuple[int, Path]]]:
    """Starts dcmtk's storescp; gives its port and the folder it writes to."""
    running: list[subprocess.Popen[bytes]] = []

    def start(*options: str) -> tuple[int, Path]:
        folder = tmp_path / "received"
        folder.mkdir()
        running.append(subprocess.Popen(["storescp", "-od", folder, *options, str(free_port)]))
        _wait_until_it_listens(running[-1].pid)
        return free_port, folder

    yield start
    for process in running:
        process.terminate()
        process.wait(10)


def _wait_until_it_listens(pid: int) -> None:
    """Without connecting, which a peer would count as an association."""
    process, deadline = psutil.Process(pid), time.monotonic() + 10
    while time.monotonic() < deadline:
        if any(connection.status == psutil.CONN_LISTEN for connection in process.net_connections()):
            return
        time.sleep(0.05)
    raise AssertionError("the peer does not listen")


@pytest.fixture
def study() -> list[Dataset]:
    """A small canine thorax."""
    return phantom_study(scale=0.05)


def test_every_view_reaches_storescp_with_its_pixels(
    start_storescp: Callable[..., tuple[int, Path]], study: list[Dataset]
) -> None:
    """Statuses are 0x0000, progress is told for each, the far side has the same pixels and owner."""
    port, folder = start_storescp()
    told: list[tuple[int, int]] = []
    assert send(study, HOST, port, progress=lambda sent, total: told.append((sent, total))) == [0, 0, 0]
    assert told == [(1, 3), (2, 3), (3, 3)]
    received = {ds.SOPInstanceUID: ds for ds in (dcmread(path) for path in folder.iterdir())}
    assert {uid: ds.PixelData for uid, ds in received.items()} == {ds.SOPInstanceUID: ds.PixelData for ds in study}
    assert {str(ds.ResponsiblePerson) for ds in received.values()} == {"Miller^Anna"}


def test_written_files_are_sent_by_storescu(
    start_storescp: Callable[..., tuple[int, Path]], study: list[Dataset], tmp_path: Path
) -> None:
    """dcmtk's own sender takes them, one association for all."""
    port, folder = start_storescp()
    paths = write(study, tmp_path / "files")
    assert sorted(path.name for path in paths) == sorted(f"{ds.SOPInstanceUID}.dcm" for ds in study)
    subprocess.run(["storescu", HOST, str(port), *paths], check=True, timeout=60)
    assert len(list(folder.iterdir())) == 3


def test_a_refused_picture_is_told_by_its_status(study: list[Dataset]) -> None:
    """Out of resources at the second of three."""
    answers = iter([0x0000, 0xA700, 0x0000])
    with _Server(study, lambda _: next(answers)) as port:
        assert send(study, HOST, port) == [0x0000, 0xA700, 0x0000]


def test_nothing_there_is_told_as_such(study: list[Dataset], free_port: int) -> None:
    """With the address and what to check."""
    with pytest.raises(Unreachable) as caught:
        send(study, HOST, free_port)
    assert str(free_port) in caught.value.text
    assert "port" in caught.value.advice


def test_a_rejected_association_says_why(study: list[Dataset]) -> None:
    """A peer that refuses the unit's AE title, and leaves it to the unit to hang up (PS3.8 9.2.3, AE-8)."""

    def refuse(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        with connection:
            head = connection.recv(6, socket.MSG_WAITALL)
            connection.recv(int.from_bytes(head[2:6], "big"), socket.MSG_WAITALL)
            connection.sendall(bytes([3, 0, 0, 0, 0, 4, 0, 1, 1, 3]))  # PS3.8 9.3.4: permanent, user, calling AE title
            while connection.recv(1024):
                pass

    with socket.create_server((HOST, 0)) as listening:
        peer = threading.Thread(target=refuse, args=[listening], daemon=True)
        peer.start()
        with pytest.raises(AssociationRejected, match="does not know this unit"):
            send(study, HOST, listening.getsockname()[1])
        peer.join(30)
        assert not peer.is_alive()


def test_a_wrong_called_ae_title_is_named_as_the_reason(study: list[Dataset]) -> None:
    """PS3.8 9.3.4: called AE title not recognised."""
    with (
        _Server(study, lambda _: 0x0000, called_ae="CLINIC") as port,
        pytest.raises(AssociationRejected, match="another AE title"),
    ):
        send(study, HOST, port)


def test_a_peer_without_storage_is_told_as_such(study: list[Dataset]) -> None:
    """It accepts the association's C-ECHO only."""
    with _Server([], lambda _: 0x0000) as port, pytest.raises(NotOffered):
        send(study, HOST, port)


def test_a_peer_that_takes_only_some_kinds_is_told_with_the_kind(study: list[Dataset]) -> None:
    """The presentation context of the other one was rejected."""
    with _Server(study, lambda _: 0x0000) as port, pytest.raises(NotOffered, match="CT Image Storage"):
        send([*study, ct_slice(1)], HOST, port)


def test_an_association_that_ends_in_the_middle_is_told_with_how_far_it_came(study: list[Dataset]) -> None:
    """The peer aborts at the second picture."""
    seen: list[int] = []

    def abort_at_second(event: evt.Event) -> int:
        seen.append(1)
        if len(seen) == 2:
            event.assoc.abort()
        return 0x0000

    with _Server(study, abort_at_second) as port, pytest.raises(AssociationLost, match="1 of 3"):
        send(study, HOST, port)


def test_every_error_has_words_without_patient_data(study: list[Dataset], free_port: int) -> None:
    """Message and hint can be shown and logged."""
    with pytest.raises(BuckyError) as caught:
        send(study, HOST, free_port)
    assert str(study[0].PatientID) not in caught.value.text + caught.value.advice


class _Server:
    """A pynetdicom storage SCP on a free port for the SOP classes of a study, answering as told."""

    def __init__(self, study: list[Dataset], answer: Callable[[evt.Event], int], called_ae: str = "") -> None:
        self._ae = AE(ae_title=called_ae or "BUCKY")
        self._ae.require_called_aet = bool(called_ae)
        self._ae.add_supported_context("1.2.840.10008.1.1")  # Verification
        for sop_class in {ds.SOPClassUID for ds in study}:
            self._ae.add_supported_context(sop_class)
        self._answer = answer

    def __enter__(self) -> int:
        handlers: list[Any] = [(evt.EVT_C_STORE, self._answer)]
        server = self._ae.start_server((HOST, 0), block=False, evt_handlers=handlers)
        assert server is not None
        self._server = server
        return int(server.server_address[1])

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()


def test_the_command_writes_files_with_the_name_given(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And prints where they are."""
    arguments = ["files", str(tmp_path / "out"), "--kind", "cervical-spine", "--scale", "0.05", "--name", "Zz^Test"]
    assert main(arguments) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert str(dcmread(line).PatientName) == "Zz^Test"


def test_the_command_sends(start_storescp: Callable[..., tuple[int, Path]], capsys: pytest.CaptureFixture[str]) -> None:
    """With its progress, one line for each picture."""
    port, folder = start_storescp()
    assert main(["send", HOST, str(port), "--scale", "0.05"]) == 0
    assert capsys.readouterr().out.splitlines() == ["sent 1 of 3", "sent 2 of 3", "sent 3 of 3"]
    assert len(list(folder.iterdir())) == 3


def test_the_command_tells_in_one_line_what_went_wrong(free_port: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 1, on standard error."""
    assert main(["send", HOST, str(free_port), "--scale", "0.05"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "Nothing answers" in line


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["send", HOST, "99999"],
        ["send", HOST, "104", "--called", "MUCH-TOO-LONG-A-TITLE"],
        ["files", "x", "--scale", "0"],
        ["files", "x", "--kind", "unicorn"],
    ],
)
def test_wrong_usage_is_refused_with_status_2(arguments: list[str]) -> None:
    """Before anything is drawn or sent."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2


def test_the_command_can_be_run_as_a_module() -> None:
    """`python -m appliance.phantom --help` names both actions and gives examples."""
    command = [sys.executable, "-m", "appliance.phantom", "--help"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    assert "files" in shown
    assert "send" in shown
    assert "examples:" in shown
