"""A STAT case released in the middle of a large routine study is verified first, through a slow line."""

import contextlib
import socket
import sqlite3
import threading
import time
from collections.abc import Callable

from pydicom.uid import generate_uid

from appliance.phantom.unit import send
from tests.box import HOST, Box
from tests.pictures import small_study
from tests.waiting import wait_for

RATE_BYTES_S = 500_000
PICTURES = 4
SIZE = 1.0  # four pictures of 15 MB


class SlowLine:
    """Hands on bytes to one service at a fixed rate towards it; answers come at once."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.carried = 0
        self._lock = threading.Lock()
        self._listener = socket.create_server((HOST, 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            near.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
            far = socket.create_connection((HOST, self._port))
            threading.Thread(target=self._pump, args=[near, far, True], daemon=True).start()
            threading.Thread(target=self._pump, args=[far, near, False], daemon=True).start()

    def _pump(self, source: socket.socket, to: socket.socket, slowly: bool) -> None:
        try:
            while chunk := source.recv(16 * 1024):
                if slowly:
                    with self._lock:  # all connections share the line
                        time.sleep(len(chunk) / RATE_BYTES_S)
                        self.carried += len(chunk)
                to.sendall(chunk)
            to.shutdown(socket.SHUT_WR)
        except OSError:
            source.close()
            to.close()


def test_stat_in_the_middle_of_a_routine_study_is_verified_first(make_box: Callable[..., Box]) -> None:
    """What waits of the routine study goes after it, though it was asked for before."""
    reader, box = make_box("reader", "reader").set_up("rita").start(), make_box().set_up()
    token = reader.bucky("token", "create", "clinic", "--role", "technician")
    line = SlowLine(reader.http_port)
    box.deliver_to("Reader", f"http://{HOST}:{line.port}/dicom-web", token=token, auto=False)
    box.start()
    box.accept("PHANTOM-DX")
    (ds,) = small_study("cervical-spine", SIZE)
    routine = [ds]
    uids = [str(ds.StudyInstanceUID)]
    assert send(routine, HOST, box.dicom_port) == [0]
    for _ in range(1, PICTURES):
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        assert send(routine, HOST, box.dicom_port) == [0]
    stat = small_study("cervical-spine", 0.2)
    uids.append(str(stat[0].StudyInstanceUID))
    assert send(stat, HOST, box.dicom_port) == [0]
    box.bucky("study", "send", uids[0], "Reader")
    wait_for(lambda: line.carried > 1_000_000, 120, "the routine study to be under way")

    box.bucky("study", "send", uids[1], "Reader", "--urgency", "STAT")
    box.wait_verified(uids[0], 240)
    asked, (stat,) = _times(box, uids[1])
    _, done = _times(box, uids[0])
    assert len(done) == PICTURES
    assert stat < max(done), "the routine study was finished first"
    between = [at for at in done if asked < at < stat]
    assert len(between) <= 1, "more went first than what had left already"
    size = sum(row["size_bytes"] for row in box.facts("study", "show", uids[0]))
    assert size > 60_000_000 * 0.99
    line.close()


def _times(box: Box, uid: str) -> tuple[str, list[str]]:
    """When a study was asked for, and when each of its instances was verified, by the box's own clock."""
    with contextlib.closing(sqlite3.connect(box.data / "bucky.sqlite")) as db:
        rows = db.execute(
            "SELECT asked_at, verified_at FROM study JOIN reading_request r ON r.study_id = study.id"
            " JOIN instance ON instance.study_id = study.id JOIN delivery ON instance_id = instance.id"
            " WHERE study_instance_uid = ? AND verified_at IS NOT NULL",
            [uid],
        ).fetchall()
    return rows[0][0], [row[1] for row in rows]
