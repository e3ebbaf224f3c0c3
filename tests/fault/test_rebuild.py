"""The index made anew under a running box: pictures come in meanwhile, and nothing differs afterwards."""

import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from typing import Any

from tests.box import Box
from tests.conftest import SENTINEL
from tests.fault.counts import report, trials
from tests.fault.ledger import Ledger, look
from tests.pictures import small_study
from tests.waiting import wait_for

REBUILDS = trials(3, 30)
_OWN_NUMBERS = "search_text"  # its rows have no other key than one of their own
_OF_THE_MAKING = {"_sqlite_migrations", "notice"}  # when, and that it was made anew


def index_of(box: Box) -> dict[str, list[tuple[Any, ...]]]:
    """Every table's rows, those of the search included."""
    with closing(sqlite3.connect(f"file:{box.data / 'bucky.sqlite'}?mode=ro", uri=True)) as read:
        tables = [name for (name,) in read.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        plain = [name for name in tables if not name.startswith(("search_trigram", "sqlite_"))]
        found = {name: read.execute(f"SELECT * FROM {name}").fetchall() for name in plain}  # noqa: S608 - own names
        found[_OWN_NUMBERS] = [row[1:] for row in found[_OWN_NUMBERS]]
        found["by trigram"] = read.execute(
            "SELECT study_id, field, search_text.text FROM search_trigram"
            " JOIN search_text ON search_text.id = search_trigram.rowid WHERE search_trigram MATCH ?",
            [f'"{SENTINEL[2:]}"'],
        ).fetchall()
    return {name: sorted(rows, key=repr) for name, rows in found.items()}


def test_the_index_is_made_anew_while_pictures_come_in(make_box: Callable[..., Box]) -> None:
    """Every acknowledged picture once; the receiver is the same process; each service works with the new file."""
    box, ledger, stop = make_box().set_up().start(), Ledger(), threading.Event()
    box.accept("PHANTOM-DX")
    receiver = box.roles()["receiver"].pid

    def send() -> None:
        while not stop.is_set():
            assert ledger.send(small_study("canine-thorax", 0.05), box.dicom_port)

    sender = threading.Thread(target=send)
    sender.start()
    wait_for(lambda: ledger.acknowledged, 120, "the first picture")
    arrived = []
    for _ in range(REBUILDS):
        before = len(ledger.acknowledged)
        box.bucky("rebuild-index")
        arrived.append(len(ledger.acknowledged) - before)
    stop.set()
    sender.join()
    assert all(arrived), f"nothing came in during a rebuild: {arrived}"
    assert box.roles()["receiver"].pid == receiver
    box.stop()
    kept = look(box.data)
    assert set(kept["rows"]) == ledger.acknowledged
    report("rebuild under load", REBUILDS, ledger.losses_in(kept), acknowledged=len(ledger.acknowledged))


def test_the_index_made_anew_equals_the_former_one_of_a_box_in_use(make_box: Callable[..., Box]) -> None:
    """Table by table, with what the searches use."""
    box = make_box().set_up().start()
    box.accept("PHANTOM-DX")
    ledger = Ledger()
    for protocol in ("canine-thorax", "cervical-spine"):
        assert ledger.send(small_study(protocol, 0.05), box.dicom_port)
    box.stop()
    before = index_of(box)
    assert before["by trigram"]
    box.bucky("rebuild-index")
    after = index_of(box)
    assert {name for name, rows in after.items() if rows != before[name]} == _OF_THE_MAKING
