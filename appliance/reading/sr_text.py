"""Any structured report for the page: headings, paragraphs, tables of measurements, references (PS3.3 C.17.3).

Every kind of content item is shown; odd content never raises. TID 2000 and TID 1500 need nothing of their own: a
container is a heading, a numeric item a row of the table below it, a reference a link.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from pydicom.dataset import Dataset
from pydicom.uid import UID

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
_REFERENCES = ("IMAGE", "COMPOSITE", "WAVEFORM")
_SHAPES = {
    "POINT": "a point", "MULTIPOINT": "points", "POLYLINE": "a line", "CIRCLE": "a circle", "ELLIPSE": "an ellipse",
    "POLYGON": "an outline", "ELLIPSOID": "an ellipsoid",
}  # fmt: skip


@dataclass(frozen=True)
class Reference:
    """An object that the report points at: its UID, what kind it is, and what is meant in it."""

    sop_instance_uid: str
    kind: str
    words: str


@dataclass(frozen=True)
class Row:
    """A measurement: name, value, unit, and what qualifies it (site, method, side)."""

    name: str
    value: str
    unit: str
    qualifiers: str
    references: list[Reference] = field(default_factory=list)


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it; `depth` counts from 1, `context` is who, where and how."""

    heading: str
    paragraphs: list[str] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    references: list[Reference] = field(default_factory=list)
    context: list[str] = field(default_factory=list)
    depth: int = 1

    @property
    def is_empty(self) -> bool:
        """Whether nothing but a heading is in it."""
        return not (self.paragraphs or self.rows or self.references or self.context)


@dataclass(frozen=True)
class SrText:
    """A report as text."""

    title: str
    author: str
    verified: bool
    complete: bool
    date: str
    sections: list[Section]
    context: list[str] = field(default_factory=list)


def sr_text(ds: Dataset) -> SrText:
    """Read a report; raises NotDicom if the object is no structured report."""
    if "ContentSequence" not in ds and "ValueType" not in ds:
        raise NotDicom(reason="it is not a structured report")
    sections: list[Section] = [Section("")]
    _walk(ds, sections, depth=0)
    context = list(sections[0].context)  # of the whole report
    sections[0].context.clear()
    observers = ds.get("VerifyingObserverSequence") or []
    return SrText(
        title=_name(ds) or "Report",
        author=shown_name(text(observers[0], "VerifyingObserverName")) if observers else "—",
        verified=text(ds, "VerificationFlag") == "VERIFIED",
        complete=text(ds, "CompletionFlag") == "COMPLETE",
        date=text(ds, "ContentDate") or text(ds, "StudyDate") or "",
        sections=[section for section in sections if not section.is_empty],
        context=context,
    )


def _walk(item: Dataset, sections: list[Section], depth: int) -> None:
    if depth > MAX_DEPTH:
        return
    for child in _children(item):
        if sum(len(s.paragraphs) + len(s.rows) + len(s.references) + len(s.context) for s in sections) >= MAX_ITEMS:
            return
        value_type = text(child, "ValueType") or ""
        if text(child, "RelationshipType") in _CONTEXT_RELATIONS:
            sections[-1].context.extend(_said(child, value_type))
        elif value_type == "CONTAINER":
            sections.append(Section(_name(child) or "", depth=depth + 1))
            _walk(child, sections, depth + 1)
        elif value_type == "NUM":
            sections[-1].rows.append(_row(child))
            _walk_inside(child, sections, depth)
        else:
            _add(child, value_type, sections[-1])
            _walk(child, sections, depth + 1)


def _walk_inside(number: Dataset, sections: list[Section], depth: int) -> None:
    """What stands below a measurement and is not in its row already."""
    for child in _children(number):
        if text(child, "ValueType") == "NUM":
            sections[-1].rows.append(_row(child))
            _walk_inside(child, sections, depth + 1) if depth < MAX_DEPTH else None
        elif text(child, "ValueType") == "TEXT" and text(child, "RelationshipType") not in _CONTEXT_RELATIONS:
            _add(child, "TEXT", sections[-1])


def _row(item: Dataset) -> Row:
    children = _children(item)
    qualifiers = [
        said for child in children if text(child, "RelationshipType") in _CONTEXT_RELATIONS for said in _said(child)
    ]
    value, unit = _number(item)
    return Row(_name(item) or "Value", value, unit, "; ".join(qualifiers), list(_references(item, 0)))


def _said(item: Dataset, value_type: str | None = None) -> list[str]:
    """'Name: value' of an item of context, its own qualifiers in brackets."""
    value = _value(item, value_type or text(item, "ValueType") or "")
    inner = [said for child in _children(item) for said in _said(child)]
    more = f" ({', '.join(inner)})" if inner else ""
    return [f"{_name(item) or 'Context'}: {value}{more}"] if value else []


def _references(item: Dataset, depth: int) -> Iterator[Reference]:
    """Everything that an item points at, itself and through shapes drawn on pictures."""
    if depth > MAX_DEPTH:
        return
    for child in _children(item):
        value_type = text(child, "ValueType") or ""
        if value_type in _REFERENCES:
            yield from _referenced(child, "")
        elif value_type in ("SCOORD", "SCOORD3D", "TCOORD"):
            words = _shape(child)
            found = [ref for one in _children(child) for ref in _referenced(one, words)]
            yield from found or [Reference(text(child, "ReferencedFrameOfReferenceUID") or "", value_type, words)]


def _referenced(item: Dataset, words: str) -> Iterator[Reference]:
    try:
        targets = list(item.get("ReferencedSOPSequence") or [])
    except Exception:  # a sequence that cannot be read refers to nothing
        return
    for target in targets:
        frames = text(target, "ReferencedFrameNumber")
        where = ", ".join(filter(None, (words, f"frame {frames.replace(chr(92), ', ')}" if frames else "")))
        kind = UID(text(target, "ReferencedSOPClassUID") or "").name.removesuffix(" Storage")
        yield Reference(text(target, "ReferencedSOPInstanceUID") or "", kind, where or _name(item) or "")


def _shape(item: Dataset) -> str:
    """A shape on a picture, or a span of time, in words."""
    graphic = text(item, "GraphicType")
    return _SHAPES.get(graphic or "", "a time" if text(item, "TemporalRangeType") else "a shape")


def _children(item: Dataset) -> list[Dataset]:
    try:
        return list(item.get("ContentSequence") or [])
    except Exception:  # a sequence that cannot be read has no children to show
        return []


def _add(item: Dataset, value_type: str, section: Section) -> None:
    name = _name(item)
    if value_type in _REFERENCES:
        section.references.extend(_referenced(item, name or ""))
        return
    if value_type in ("SCOORD", "SCOORD3D", "TCOORD"):
        section.paragraphs.append(f"{name or 'Region'}: {_shape(item)}")
        return
    if target := text(item, "ReferencedContentItemIdentifier"):
        section.paragraphs.append(f"See item {target.replace(chr(92), '.')} of this report")
        return
    value = _value(item, value_type)
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
        return " ".join(filter(None, _number(item)))
    return ""


def _long_text(item: Dataset) -> str:
    """Text with its lines; control characters are left out."""
    try:
        value = str(item.get("TextValue") or "")
    except Exception:  # undecodable text counts as empty
        value = ""
    return "".join(c for c in value.replace("\r\n", "\n").replace("\r", "\n") if c.isprintable() or c == "\n").strip()


def _number(item: Dataset) -> tuple[str, str]:
    """Value and unit; a number that is missing says why, if the report does (NumericValueQualifierCodeSequence)."""
    try:
        measured = (item.get("MeasuredValueSequence") or [])[0]
    except (IndexError, TypeError):
        return _meaning(item, "NumericValueQualifierCodeSequence") or "—", ""
    unit = _meaning(measured, "MeasurementUnitsCodeSequence") or ""
    return text(measured, "NumericValue") or "—", "" if unit == "no units" else unit


def _name(item: Dataset) -> str | None:
    return _meaning(item, "ConceptNameCodeSequence")


def _meaning(item: Dataset, keyword: str) -> str | None:
    try:
        codes = item.get(keyword) or []
        return text(codes[0], "CodeMeaning") or text(codes[0], "CodeValue")
    except Exception:  # a code that cannot be read has no meaning to show
        return None
