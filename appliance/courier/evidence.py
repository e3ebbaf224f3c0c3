"""What is known of a study's way: how many were taken, what arrived here, and each destination's own word on each."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from appliance.archive.database import Database
from appliance.clock import stamp
from appliance.errors import BadInput, NotFound
from appliance.exams.procedure_steps import ProcedureSteps

_MAXIMUM_COUNT = 100_000
_ORIGINALS = "sender.kind <> 'result' AND instance.quarantined = 0"
_COUNTS = f"""
    SELECT coalesce(sum(sender.kind <> 'local'), 0), count(*)
    FROM instance JOIN sender ON sender.id = sender_id WHERE study_id = ? AND {_ORIGINALS}
"""  # noqa: S608 - our own text


@dataclass(frozen=True)
class Acquired:
    """How many instances were taken, and who counted."""

    number: int
    counted_by: str


@dataclass(frozen=True)
class Line:
    """One instance at one destination; `far_sha256` is the digest that the far side gave for its data set."""

    sop_instance_uid: str
    view: str
    size_bytes: int
    dataset_sha256: str
    state: str | None
    sent_as: str | None
    sent_sha256: str | None
    verified_at: str | None
    verified_by: str | None
    far_sha256: str | None


@dataclass(frozen=True)
class AtDestination:
    """A study at one destination; `document` is the receipt that the reader signed, None from others."""

    destination_name: str
    reader_key: str | None
    lines: tuple[Line, ...]
    document: Mapping[str, Any] | None

    @property
    def verified(self) -> int:
        """Instances that the far side's own word shows."""
        return sum(1 for line in self.lines if line.state == "verified")


@dataclass(frozen=True)
class DeliveryReceipt:
    """Acquired = received = at the reader, for each destination.

    `received` came from the clinic's units, `total` counts also what the box itself made of them for the reader.
    """

    acquired: Acquired | None
    received: int
    total: int
    destinations: tuple[AtDestination, ...]

    @property
    def nothing_missing_here(self) -> bool:
        """Whether all that was taken, as far as anybody counted, is on the box."""
        return self.acquired is None or self.acquired.number == self.received

    def complete_at(self, destination: AtDestination) -> bool:
        """Whether the three numbers agree at one destination."""
        return self.nothing_missing_here and 0 < self.total == destination.verified


@dataclass(frozen=True)
class _Study:
    id: int
    study_instance_uid: str


class Evidence:
    """Gathers receipts; it believes nothing that was not verified."""

    def __init__(self, database: Database, steps: ProcedureSteps) -> None:
        self._database = database
        self._steps = steps

    def count(self, study_id: int, number: int, said_by: str) -> None:
        """A person says how many pictures were taken; raises BadInput, NotFound."""
        if not 0 < number <= _MAXIMUM_COUNT:
            raise BadInput(field="Pictures taken", reason="give a number from 1 up")
        with self._database.write() as db:
            if db.conn.execute("SELECT 1 FROM study WHERE id = ?", [study_id]).fetchone() is None:
                raise NotFound(what="study")
            db.conn.execute(
                "INSERT INTO acquired_count (study_id, number, said_by, said_at) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (study_id) DO UPDATE SET number = excluded.number, said_by = excluded.said_by,"
                " said_at = excluded.said_at",
                [study_id, number, said_by, stamp()],
            )

    def acquired(self, study_id: int, study_instance_uid: str) -> Acquired | None:
        """A person's count before the unit's own (MPPS); None if nobody counted."""
        row = self._database.read.conn.execute(
            "SELECT number, said_by FROM acquired_count WHERE study_id = ?", [study_id]
        ).fetchone()
        if row is not None:
            return Acquired(int(row[0]), f"{row[1]} counted")
        counted = sum(step.instance_count for step in self._steps.of_study(study_instance_uid))
        return Acquired(counted, "the X-ray unit counted") if counted else None

    def shortfall(self, study_id: int) -> tuple[int, int] | None:
        """How many were taken and how many are here, where somebody counted and the two differ."""
        read = self._database.read.conn
        row = read.execute("SELECT study_instance_uid FROM study WHERE id = ?", [study_id]).fetchone()
        taken = None if row is None else self.acquired(study_id, row[0])
        received = int(read.execute(_COUNTS, [study_id]).fetchone()[0])
        return None if taken is None or taken.number == received else (taken.number, received)

    def of_study(self, study_id: int) -> DeliveryReceipt:
        """Everything that is known of a study's way; raises NotFound."""
        read = self._database.read.conn
        row = read.execute("SELECT study_instance_uid FROM study WHERE id = ?", [study_id]).fetchone()
        if row is None:
            raise NotFound(what="study")
        received, total = read.execute(_COUNTS, [study_id]).fetchone()
        found = read.execute(
            "SELECT DISTINCT destination.id, destination.name, reader_key, document FROM destination"
            " JOIN delivery ON delivery.destination_id = destination.id JOIN instance ON instance.id = instance_id"
            " LEFT JOIN signed_receipt ON signed_receipt.destination_id = destination.id"
            " AND signed_receipt.study_id = instance.study_id WHERE instance.study_id = ? ORDER BY destination.id",
            [study_id],
        ).fetchall()
        destinations = tuple(
            AtDestination(name, key, self._lines(study_id, destination_id), json.loads(document) if document else None)
            for destination_id, name, key, document in found
        )
        return DeliveryReceipt(self.acquired(study_id, row[0]), int(received), int(total), destinations)

    def _lines(self, study_id: int, destination_id: int) -> tuple[Line, ...]:
        rows = self._database.read.conn.execute(
            f"""
            SELECT instance.sop_instance_uid,
                   trim(coalesce(nullif(image_laterality, 'U'), '') || ' ' || coalesce(view_position, '') || ' '
                        || coalesce(body_part_examined, series_description, modality, '')),
                   size_bytes, instance.dataset_sha256, delivery.state, sent_copy.transfer_syntax_uid,
                   sent_copy.dataset_sha256, verified_at, verified_by, far_sha256
            FROM instance JOIN sender ON sender.id = sender_id JOIN series ON series.id = series_id
                 LEFT JOIN delivery ON delivery.instance_id = instance.id AND destination_id = ?
                 LEFT JOIN sent_copy ON delivery_id = delivery.id AND sent_copy.dataset_sha256 =
                    coalesce((SELECT s.dataset_sha256 FROM sent_copy s WHERE s.delivery_id = delivery.id
                              AND s.dataset_sha256 = far_sha256),
                             (SELECT s.dataset_sha256 FROM sent_copy s WHERE s.delivery_id = delivery.id
                              ORDER BY first_sent_at DESC LIMIT 1))
            WHERE instance.study_id = ? AND {_ORIGINALS} ORDER BY instance.id
            """,  # noqa: S608 - our own text
            [destination_id, study_id],
        ).fetchall()
        return tuple(Line(*row) for row in rows)

    def without_receipt(self, destination_id: int) -> _Study | None:
        """A study that is wholly verified there since its last signed receipt was fetched."""
        row = self._database.read.conn.execute(
            """
            SELECT study.id, study.study_instance_uid FROM study
            JOIN instance ON instance.study_id = study.id JOIN delivery ON delivery.instance_id = instance.id
            LEFT JOIN signed_receipt ON signed_receipt.study_id = study.id
                 AND signed_receipt.destination_id = delivery.destination_id
            WHERE delivery.destination_id = ? GROUP BY study.id
            HAVING min(delivery.state = 'verified') = 1
                   AND max(delivery.verified_at) > coalesce(max(signed_receipt.received_at), '')
            LIMIT 1
            """,
            [destination_id],
        ).fetchone()
        return None if row is None else _Study(*row)

    def keep(self, study_id: int, destination_id: int, document: Mapping[str, Any]) -> None:
        """Keep a receipt whose signature was checked."""
        with self._database.write() as db:
            db.conn.execute(
                "INSERT INTO signed_receipt (study_id, destination_id, document, received_at) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (study_id, destination_id) DO UPDATE SET document = excluded.document,"
                " received_at = excluded.received_at",
                [study_id, destination_id, json.dumps(dict(document)), stamp()],
            )
