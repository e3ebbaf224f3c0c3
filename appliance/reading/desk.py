"""The radiologist's desk: signs reports into a study, asks back, and reads reports for the page."""

import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pydicom import dcmread
from pydicom.dataset import Dataset

from appliance.archive.blobs import Provenance
from appliance.archive.catalogue import Catalogue, Instance, StudyLine
from appliance.archive.intake import Intake
from appliance.archive.part10 import take_dataset
from appliance.clock import stamp
from appliance.errors import BadInput, NotFound
from appliance.reading.casebook import evidence
from appliance.reading.documents import Document, Documents
from appliance.reading.note import Note
from appliance.reading.workitems import Workitems

if TYPE_CHECKING:
    from appliance.reading.report import Predecessor, Report, Status
    from appliance.reading.sr_text import SrText


@dataclass(frozen=True)
class Desk:
    """Reports of one archive."""

    catalogue: Catalogue
    intake: Intake
    documents: Documents
    workitems: Workitems

    def sign(self, study_id: int, report: "Report") -> None:
        """Store the report as a structured report and as its PDF in the study; raises BadInput, NotFound."""
        from appliance.reading.report_pdf import encapsulated_pdf, report_pdf  # numpy and fonts only where signed
        from appliance.reading.report_sr import report_sr

        if not (report.findings.strip() or report.impression.strip()):
            raise BadInput(field="Report", reason="write findings or an impression before you sign")
        line = self.catalogue.line(self.catalogue.study(study_id))
        headers = evidence(line.images)
        report = replace(report, predecessor=self._predecessor(line, report.status))
        sr = report_sr(report, headers)
        pdf = encapsulated_pdf(report_pdf(report, headers), headers, source=sr)
        for ds in (pdf, sr):  # the structured report last: who sees it finds its PDF too
            take_dataset(self.intake, ds, Provenance("local", report.author, "", stamp()))
        self._note_in_worklist(line, report, [sr, pdf])

    def statuses(self, study_id: int) -> "tuple[Status, ...]":
        """What may be signed next: nothing final is ever replaced, only amended or corrected."""
        final = any(d.is_report and d.status != "preliminary" for d in self._own(study_id))
        return ("addendum", "corrected") if final else ("final", "preliminary")

    def ask(self, study_id: int, question: str, author: str, organisation: str) -> None:
        """A question back to the clinic; the reading clock stands still until it is answered. Raises BadInput."""
        from appliance.reading.note_sr import note_sr

        if not question.strip():
            raise BadInput(field="Question", reason="write what you want to know")
        line = self.catalogue.line(self.catalogue.study(study_id))
        note = Note("question", [("Question", question.strip())], author, organisation)
        ds = note_sr(note, evidence(line.images))
        take_dataset(self.intake, ds, Provenance("local", author, "", stamp()))
        self.workitems.tell(line.study.study_instance_uid)

    def text(self, instance: Instance) -> "SrText":
        """A structured report in readable sections; raises NotDicom if it is none."""
        from appliance.reading.sr_text import sr_text

        return sr_text(_read(instance))

    def facts(self, instance: Instance) -> list[str]:
        """What can be said of an object without a picture; at least its kind."""
        from appliance.reading.facts import facts_of

        try:
            return facts_of(_read(instance))
        except Exception:  # hostile bytes raise anything; that it is there is a fact all the same
            return ["Object that cannot be read"]

    def document(self, instance: Instance) -> bytes:
        """The bytes of an encapsulated PDF; raises NotFound if there are none."""
        content = _read(instance).get("EncapsulatedDocument")
        if not content or not bytes(content).startswith(b"%PDF"):
            raise NotFound(what="document")
        return bytes(content)

    def _own(self, study_id: int) -> list[Document]:
        """Reports that were signed here, newest first."""
        return [d for d in self.documents.of_study(study_id) if d.is_report and not d.from_far]

    def _predecessor(self, line: StudyLine, status: str) -> "Predecessor | None":
        from appliance.reading.report import Predecessor

        own = self._own(line.study.id)
        if status in ("addendum", "corrected") and not any(d.status in ("final", "corrected") for d in own):
            raise BadInput(field="Report", reason="there is no final report to amend")
        if status in ("final", "preliminary") and any(d.status != "preliminary" for d in own):
            raise BadInput(field="Report", reason="a final report stands; sign an addendum or a corrected report")
        found = next((d for d in own if d.status != "addendum"), None)
        if found is None:
            return None
        instance = self.catalogue.instance(found.instance_id)
        return Predecessor(
            line.study.study_instance_uid,
            instance.series_instance_uid,
            instance.sop_instance_uid,
            instance.sop_class_uid,
        )

    def _note_in_worklist(self, line: StudyLine, report: "Report", objects: list[Dataset]) -> None:
        uid = line.study.study_instance_uid
        if report.status != "preliminary":
            for item in self.workitems.of_study(uid):
                if item.is_open:
                    self.workitems.complete(item.workitem_uid, report.author, _outputs(uid, objects))
        self.workitems.tell(uid)


def _outputs(study_instance_uid: str, objects: list[Dataset]) -> list[Dataset]:
    """PS3.3 10.41: where the report is."""
    items = []
    for ds in objects:
        item, reference = Dataset(), Dataset()
        reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = ds.SOPClassUID, ds.SOPInstanceUID
        item.TypeOfInstances = "DICOM"
        item.StudyInstanceUID, item.SeriesInstanceUID = study_instance_uid, ds.SeriesInstanceUID
        item.ReferencedSOPSequence = [reference]
        items.append(item)
    return items


def _read(instance: Instance) -> Dataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return dcmread(instance.path)
