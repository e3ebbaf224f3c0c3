"""The radiologist's desk: signs a report into a study, and reads reports for the page."""

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydicom import dcmread
from pydicom.dataset import Dataset

from appliance.archive.blobs import Provenance
from appliance.archive.catalogue import Catalogue, Instance
from appliance.archive.intake import Intake
from appliance.archive.part10 import take_dataset
from appliance.clock import stamp
from appliance.errors import BadInput, NotFound
from appliance.reading.cases import Cases

if TYPE_CHECKING:
    from appliance.reading.report import Report
    from appliance.reading.sr_text import SrText


@dataclass(frozen=True)
class Desk:
    """Reports of one archive."""

    catalogue: Catalogue
    intake: Intake
    cases: Cases

    def sign(self, study_id: int, report: "Report") -> None:
        """Store the report as a structured report and as its PDF in the study; raises BadInput, NotFound."""
        from appliance.reading.report_pdf import encapsulated_pdf, report_pdf  # numpy and fonts only where signed
        from appliance.reading.report_sr import report_sr

        if not (report.findings.strip() or report.impression.strip()):
            raise BadInput(field="Report", reason="write findings or an impression before you sign")
        line = self.catalogue.line(self.catalogue.study(study_id))
        evidence = [_header(image) for image in line.images if image.is_original]
        if not evidence:
            raise BadInput(field="Report", reason="there is no picture to report on")
        sr = report_sr(report, evidence)
        pdf = encapsulated_pdf(report_pdf(report, evidence), evidence, source=sr)
        for ds in (sr, pdf):
            take_dataset(self.intake, ds, Provenance("local", report.author, "", stamp()))
        self.cases.signed(line.study.study_instance_uid)

    def text(self, instance: Instance) -> "SrText":
        """A structured report in readable sections; raises NotDicom if it is none."""
        from appliance.reading.sr_text import sr_text

        return sr_text(_read(instance))

    def document(self, instance: Instance) -> bytes:
        """The bytes of an encapsulated PDF; raises NotFound if there are none."""
        content = _read(instance).get("EncapsulatedDocument")
        if not content or not bytes(content).startswith(b"%PDF"):
            raise NotFound(what="document")
        return bytes(content)


def _read(instance: Instance) -> Dataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return dcmread(instance.path)


def _header(instance: Instance) -> Dataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return dcmread(instance.path, stop_before_pixels=True)
