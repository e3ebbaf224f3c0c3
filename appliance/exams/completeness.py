"""Is the study complete? Several signals, none of which a unit is sure to give; the page shows which one decided."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from appliance.archive.catalogue import StudyLine
from appliance.archive.database import Database
from appliance.clock import moment, now, stamp
from appliance.exams.exam import Exam
from appliance.exams.procedure_steps import ProcedureSteps
from appliance.exams.views import Protocols, canonical_view, missing_views
from appliance.exams.worklist import Worklist

QUIET = timedelta(minutes=10)
QUIET_AFTER_ASSOCIATION = timedelta(minutes=2)


@dataclass(frozen=True)
class Completeness:
    """What is known of a study; `decided_by` in words for staff, empty while it is open."""

    complete: bool
    decided_by: str
    missing: tuple[str, ...]
    expected: tuple[str, ...]
    counted: int | None
    """How many instances the unit says it made, None if it does not say."""
    exam: Exam | None


class Completion:
    """Gathers the signals and weighs them."""

    def __init__(self, database: Database, worklist: Worklist, steps: ProcedureSteps, protocols: Protocols) -> None:
        self._database = database
        self._worklist = worklist
        self._steps = steps
        self._protocols = protocols

    def note(self, study_instance_uids: Iterable[str], kind: str, detail: str = "") -> None:
        """Remember a signal; studies whose pictures are all in quarantine have none."""
        with self._database.write() as db:
            for uid in study_instance_uids:
                db.conn.execute(
                    "INSERT INTO study_signal (study_id, kind, detail, at)"
                    " SELECT id, ?, ?, ? FROM study WHERE study_instance_uid = ? AND instance_count > 0"
                    " ON CONFLICT (study_id, kind) DO UPDATE SET detail = excluded.detail, at = excluded.at",
                    [kind, detail, stamp(), uid],
                )

    def of(self, line: StudyLine) -> Completeness:
        """Weigh the signals of a study: a person's word, the unit's, the views, and at last the silence."""
        study = line.study
        exam = self._worklist.of_study(study.study_instance_uid, study.accession_number)
        expected = self._protocols.views(exam.protocol) if exam else ()
        arrived = [canonical_view(image.view_position, image.image_laterality) for image in line.images]
        missing = tuple(missing_views(expected, arrived))
        steps = self._steps.of_study(study.study_instance_uid)
        counted = sum(step.instance_count for step in steps) or None
        decided = self._decided(line, [step.state for step in steps], counted, expected=bool(expected), missing=missing)
        return Completeness(bool(decided), decided, missing, expected, counted, exam)

    def _decided(
        self, line: StudyLine, states: list[str], counted: int | None, *, expected: bool, missing: tuple[str, ...]
    ) -> str:
        study = line.study
        signals = {
            row["kind"]: row
            for row in self._database.read.query("SELECT * FROM study_signal WHERE study_id = ?", [study.id])
        }
        done, reopened = signals.get("done"), signals.get("reopened")
        if done and (reopened is None or reopened["at"] < done["at"]):
            late = study.last_received_at > done["at"]
            return f"{done['detail']} said done{', and pictures came later' if late else ''}"
        if "IN PROGRESS" in states:
            return ""
        if "COMPLETED" in states and (counted is None or study.instance_count >= counted):
            return "the X-ray unit reported the exam as completed"
        if expected:
            return "" if missing else "all expected views are here"
        asked = signals.get("commitment asked")
        if asked and asked["at"] >= study.last_received_at:
            return "the X-ray unit asked whether everything is stored"
        silence = now() - moment(study.last_received_at)
        if "association ended" in signals and silence > QUIET_AFTER_ASSOCIATION:
            return "the X-ray unit has hung up, and nothing came since"
        return "nothing came for ten minutes" if silence > QUIET else ""
