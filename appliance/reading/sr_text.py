"""Any structured report as headings and paragraphs, for the page; odd content never raises."""

from dataclasses import dataclass, field

from pydicom.dataset import Dataset

from appliance.dicom.names import shown_name
from appliance.dicom.record import text
from appliance.errors import NotDicom

MAX_DEPTH = 12
MAX_ITEMS = 5_000
_VALUES = {
    "TEXT": "TextValue",
    "DATE": "Date",
    "TIME": "Time",
    "DATETIME": "DateTime",
    "UIDREF": "UID",
}
_CONTEXT_RELATIONS = ("HAS OBS CONTEXT", "HAS CONCEPT MOD", "HAS ACQ CONTEXT")


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it."""

    heading: str
    paragraphs: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class SrText:
    """A report as text."""

    title: str
    author: str
    verified: bool
    complete: bool
    date: str
    sections: list[Section]


def sr_text(ds: Dataset) -> SrText:
    """Read a report; raises NotDicom if the object is no structured report."""
    if "ContentSequence" not in ds and "ValueType" not in ds:
        raise NotDicom(reason="it is not a structured report")
    sections: list[Section] = [Section("")]
    _walk(ds, sections, depth=0)
    observers = ds.get("VerifyingObserverSequence") or []
    return SrText(
        title=_name(ds) or "Report",
        author=shown_name(text(observers[0], "VerifyingObserverName")) if observers else "—",
        verified=text(ds, "VerificationFlag") == "VERIFIED",
        complete=text(ds, "CompletionFlag") == "COMPLETE",
        date=text(ds, "ContentDate") or text(ds, "StudyDate") or "",
        sections=[section for section in sections if section.paragraphs],
    )


def _walk(item: Dataset, sections: list[Section], depth: int) -> None:
    if depth > MAX_DEPTH:
        return
    for child in _children(item):
        if sum(len(section.paragraphs) for section in sections) >= MAX_ITEMS:
            return
        value_type = text(child, "ValueType") or ""
        if text(child, "RelationshipType") in _CONTEXT_RELATIONS:
            continue
        if value_type == "CONTAINER":
            sections.append(Section(_name(child) or ""))
        else:
            _add(child, value_type, sections[-1])
        _walk(child, sections, depth + 1)


def _children(item: Dataset) -> list[Dataset]:
    try:
        return list(item.get("ContentSequence") or [])
    except Exception:  # a sequence that cannot be read has no children to show
        return []


def _add(item: Dataset, value_type: str, section: Section) -> None:
    value, name = _value(item, value_type), _name(item)
    if not value:
        return
    alone = value_type == "TEXT" and (name is None or name.rstrip("s") == section.heading.rstrip("s"))
    section.paragraphs.append(value if alone else f"{name or value_type.title()}: {value}")


def _value(item: Dataset, value_type: str) -> str:
    if value_type == "TEXT":
        return _long_text(item)
    if value_type in _VALUES:
        return text(item, _VALUES[value_type]) or "—"
    if value_type == "PNAME":
        return shown_name(text(item, "PersonName"))
    if value_type == "CODE":
        return _meaning(item, "ConceptCodeSequence") or "—"
    if value_type == "NUM":
        return _number(item)
    return "see the picture" if value_type in ("IMAGE", "SCOORD") else ""


def _long_text(item: Dataset) -> str:
    """Text with its lines; control characters are left out."""
    try:
        value = str(item.get("TextValue") or "")
    except Exception:  # undecodable text counts as empty
        value = ""
    return "".join(c for c in value.replace("\r\n", "\n").replace("\r", "\n") if c.isprintable() or c == "\n").strip()


def _number(item: Dataset) -> str:
    try:
        measured = (item.get("MeasuredValueSequence") or [])[0]
    except (IndexError, TypeError):
        return "—"
    unit = _meaning(measured, "MeasurementUnitsCodeSequence") or ""
    return " ".join(filter(None, (text(measured, "NumericValue") or "—", "" if unit == "no units" else unit)))


def _name(item: Dataset) -> str | None:
    return _meaning(item, "ConceptNameCodeSequence")


def _meaning(item: Dataset, keyword: str) -> str | None:
    try:
        codes = item.get(keyword) or []
        return text(codes[0], "CodeMeaning") or text(codes[0], "CodeValue")
    except Exception:  # a code that cannot be read has no meaning to show
        return None
