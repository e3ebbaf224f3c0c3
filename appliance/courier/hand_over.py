"""Makes what a person takes along: gathers a study, de-identifies copies if asked to, and writes the form wanted."""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path

from appliance.archive.catalogue import Catalogue, Instance, Study, StudyLine
from appliance.courier.exports import Export, Exports, Options
from appliance.dicom.names import shown_name
from appliance.dicom.rewrite import read_whole
from appliance.errors import BadInput, BuckyError
from appliance.imaging.media.bundle import write_zip, zip_folder
from appliance.imaging.media.content import Cancelled, Content, Document, Item, Step
from appliance.imaging.media.look import AS_RECEIVED, Look
from appliance.reading.desk import Desk
from appliance.reading.sr_text import SrText
from appliance.reading.study_marks import kept_views

IDLE_S = 5.0
_MAXIMUM_ATTEMPTS = 2
_NOTE_EVERY_S = 0.4
_DEFER_BYTES = 1 << 20
_CRASHED = "It could not be made: its pixels are damaged in a way that stops the decoder."
BURNED_IN = "Look at every picture before you give it away: {reason}."

Looks = Mapping[int, Look]


@dataclass(frozen=True)
class HandOver:
    """Writes a study in the form that is wanted."""

    catalogue: Catalogue
    desk: Desk
    clinic_name: Callable[[], str]

    def write(self, kind: str, study_id: int, options: Options, target: Path, step: Step) -> list[str]:
        """Write 'zip', 'media', 'pdf', 'jpeg' or 'png' as one file; returns warnings. Raises BuckyError, OSError."""
        with self.content(study_id, options, target.parent, step) as (content, warnings):
            if kind == "zip":
                write_zip(content, target, step)
            elif kind == "pdf":
                from appliance.imaging.media.paper import write_pdf  # its libraries only when they are wanted

                write_pdf(content, target, step)
            else:
                warnings += self._zipped(kind, content, target, step)
        return warnings

    def _zipped(self, kind: str, content: Content, target: Path, step: Step) -> list[str]:
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            below = Path(folder) / "medium"
            warnings = self.write_folder(kind, content, below, step)
            zip_folder(below, target, step)
        return warnings

    def write_folder(self, kind: str, content: Content, folder: Path, step: Step) -> list[str]:
        """Write 'media', 'jpeg' or 'png' into a folder; returns warnings."""
        if kind != "media":
            from appliance.imaging.media.pictures import write_pictures

            write_pictures(content, folder, kind, step)
            return []
        from appliance.imaging.media.pdi import write_medium

        written = write_medium(content, folder, step)
        left_out = [f"{written.left_out} objects are of a kind that no directory lists."] if written.left_out else []
        return left_out + ([f"{written.compressed} objects stayed compressed."] if written.compressed else [])

    @contextmanager
    def content(self, study_id: int, options: Options, room: Path, step: Step) -> Iterator[tuple[Content, list[str]]]:
        """What is handed over; copies without names lie in `room` for as long as it is used."""
        line = self.catalogue.line(self.catalogue.study(study_id))
        instances = self.catalogue.instances(study_id)
        looks = _looks(self.catalogue, study_id)
        if not options.deidentify:
            yield self._named(line, instances, looks), []
            return
        with tempfile.TemporaryDirectory(dir=room, prefix="copies-") as folder:
            items, warnings = _copies(instances, looks, options, Path(folder), step)
            yield Content(items, "De-identified", "", ""), warnings

    def _named(self, line: StudyLine, instances: list[Instance], looks: Looks) -> Content:
        study, clinic = line.study, self.clinic_name()
        items = tuple(_item(instance, instance.path, looks) for instance in instances)
        return Content(items, patient_line(study), study_line(study), clinic, tuple(self._documents(line)))

    def _documents(self, line: StudyLine) -> Iterator[Document]:
        """The reports as pages and PDFs; one that cannot be read is left out."""
        for instance in line.reports:
            title = instance.series_description or "Report"
            try:
                if instance.report_kind == "PDF":
                    yield Document(title if "PDF" in title else f"{title} (PDF)", "PDF", self.desk.document(instance))
                else:
                    yield Document(title, "HTM", report_page(self.desk.text(instance)).encode())
            except BuckyError:
                continue


def _looks(catalogue: Catalogue, study_id: int) -> Looks:
    """The looks that were kept for pictures, by the instance's row; one that cannot be drawn counts as none."""
    from appliance.reading.looks import look_kept

    looks = {}
    for picture, view in kept_views(catalogue, study_id).items():
        with suppress(BadInput):
            looks[picture] = look_kept(view)
    return looks


def _item(instance: Instance, path: Path, looks: Looks) -> Item:
    look = looks.get(instance.id, AS_RECEIVED)
    return Item(path, instance.is_image, instance.number_of_frames or 1, instance.view, look)


def patient_line(study: Study) -> str:
    """Name, owner, number, birth date, kind of animal."""
    owner = shown_name(study.responsible_person) if study.responsible_person else ""
    animal = " ".join(filter(None, (study.patient_species_description, study.patient_breed_description)))
    facts = (shown_name(study.patient_name), f"owner {owner}" if owner else "", animal, study.patient_id)
    born = f"born {_day(study.patient_birth_date)}" if study.patient_birth_date else ""
    return " · ".join(fact for fact in (*facts, born) if fact)


def study_line(study: Study) -> str:
    """Date and description."""
    return " · ".join(fact for fact in (_day(study.study_date), study.study_description) if fact)


def _day(value: str | None) -> str:
    """'20190412' as '2019-04-12'; anything else as it is."""
    text = value or ""
    return f"{text[:4]}-{text[4:6]}-{text[6:]}" if len(text) == 8 and text.isdecimal() else text


def _copies(
    instances: list[Instance], looks: Looks, options: Options, folder: Path, step: Step
) -> tuple[tuple[Item, ...], list[str]]:
    """De-identified copies, one at a time; what cannot be read whole, and documents, are left out and said."""
    from appliance.dicom.deidentify import Deidentifier, burned_in_risk

    worker = Deidentifier(
        keep_characteristics=options.keep_characteristics, clean_descriptors=options.clean_descriptors
    )
    items, reasons, left_out = [], dict[str, None](), 0
    for done, instance in enumerate(instances):
        step(done, len(instances))
        target = folder / f"{done}.dcm"
        try:
            ds = read_whole(instance.path, defer_size=_DEFER_BYTES)
            reason = burned_in_risk(ds)
            if "EncapsulatedDocument" in ds:
                left_out += 1
                continue
            worker.apply(ds)
            ds.save_as(target, enforce_file_format=True)
        except Exception:  # hostile bytes raise anything, and a copy that is not sure to be clean is none
            left_out += 1
            continue
        if reason:
            reasons[reason] = None
        items.append(replace(_item(instance, target, looks), label=f"Picture {done + 1}"))
    warnings = [BURNED_IN.format(reason=reason) for reason in reasons]
    if left_out:
        warnings.append(f"{left_out} objects could not be cleaned and are left out.")
    return tuple(items), warnings


def report_page(report: SrText) -> str:
    """A structured report as a page of its own."""
    from appliance.imaging.media.web_view import page

    parts = [f"<h1>{escape(report.title)}</h1>", f"<p>{escape(report.author)} {escape(report.date)}</p>"]
    for section in report.sections:
        parts.append(f"<h2>{escape(section.heading)}</h2>")
        parts += [f"<p>{escape(paragraph)}</p>" for paragraph in section.paragraphs]
        cells = ((row.name, f"{row.value} {row.unit}", row.qualifiers) for row in section.rows)
        rows = ("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in cells)
        parts.append(f"<table>{''.join(rows)}</table>" if section.rows else "")
    return page(report.title, "".join(parts), "STYLE.CSS")


class ExportWorker:
    """Makes exports one after the other; stops when the person does not want it any more."""

    def __init__(self, exports: Exports, hand_over: HandOver) -> None:
        self._exports = exports
        self._hand_over = hand_over

    def run_once(self) -> float:
        """Make the next one; remove what was kept long enough."""
        self._exports.remove_old()
        export = self._exports.next()
        if export is None:
            return IDLE_S
        if export.attempts >= _MAXIMUM_ATTEMPTS:
            self._exports.fail(export.id, _CRASHED)
        elif self._exports.begin(export.id):
            self._make(export)
        return 0.0

    def _make(self, export: Export) -> None:
        scratch = self._exports.scratch(export)
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)

        step, target = self._watched(export.id), scratch / "result"
        try:
            notes = self._hand_over.write(export.kind, export.study_id, export.options, target, step)
            size_bytes = target.stat().st_size
            target.replace(self._exports.path(export))
            self._exports.finish(export.id, size_bytes, notes)
        except Cancelled:
            self._exports.path(export).unlink(missing_ok=True)
        except BuckyError as error:
            self._exports.fail(export.id, f"{error.text} {error.advice}")
        except OSError:
            self._exports.fail(export.id, "There is not enough room on the box to make it.")
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def _watched(self, export_id: int) -> Step:
        """Notes the progress a few times a second; raises Cancelled once the person has stopped it."""
        noted_at = 0.0

        def step(done: int, total: int) -> None:
            nonlocal noted_at
            if done < total and time.monotonic() - noted_at < _NOTE_EVERY_S:
                return
            noted_at = time.monotonic()
            if not self._exports.progress(export_id, done, total):
                raise Cancelled

        return step
