"""Reports, notes and documents of a study as pages show them."""

from dataclasses import dataclass

from appliance.archive.catalogue import Instance, StudyLine
from appliance.errors import NotDicom
from appliance.reading.documents import Document
from appliance.reading.sr_text import SrText
from webui.services import Services


@dataclass(frozen=True)
class ShownReport:
    """A report of a study: text for a structured report, a link for a document."""

    instance: Instance
    text: SrText | None
    trouble: str | None
    document: Document | None


def shown_reports(services: Services, line: StudyLine) -> list[ShownReport]:
    """Newest first; one that cannot be read says so."""
    known = {d.instance_id: d for d in services.documents.of_study(line.study.id)}
    shown = []
    for instance in sorted(line.reports, key=lambda i: (i.received_at, i.id), reverse=True):
        try:
            text = services.desk.text(instance) if instance.report_kind == "SR" else None
            shown.append(ShownReport(instance, text, None, known.get(instance.id)))
        except NotDicom as error:
            shown.append(ShownReport(instance, None, error.text, known.get(instance.id)))
    return shown
