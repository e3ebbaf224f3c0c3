"""Attribute matching of a query against data sets in memory (PS3.4 C.2.2.2), and the answer with its return keys."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence as DicomSequence

NOT_KEYS = frozenset({"SpecificCharacterSet", "TimezoneOffsetFromUTC", "QueryRetrieveLevel"})
_RANGES = frozenset({"DA", "TM", "DT"})
_WILDCARDS = frozenset({"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"})
Aliases = Mapping[str, Sequence[str]]


def matches(query: Dataset, item: Dataset, aliases: Aliases | None = None) -> bool:
    """Whether every key of the query matches; `aliases` lets a key match any of several attributes."""
    return all(_element_matches(element, item, aliases or {}) for element in query if element.keyword not in NOT_KEYS)


def _element_matches(key: DataElement, item: Dataset, aliases: Aliases) -> bool:
    if key.VR == "SQ":  # sequence matching, C.2.2.2.6: an item of the sequence matches all keys of the query's item
        wanted = key.value[0] if key.value else Dataset()
        if all(_is_universal(element) for element in wanted.iterall()):
            return True
        found = item.get(key.keyword) or []
        return any(matches(wanted, candidate, aliases) for candidate in found)
    if _is_universal(key):
        return True
    values = [v for name in aliases.get(key.keyword, (key.keyword,)) for v in texts(item.get(name))]
    return any(_value_matches(key.VR, wanted, value) for wanted in texts(key.value) for value in values)


def _is_universal(key: DataElement) -> bool:
    """C.2.2.2.3: no value, or nothing but an asterisk."""
    return key.VR != "SQ" and all(value == "*" for value in texts(key.value))


def texts(value: object) -> list[str]:
    """The values of an element as texts, without empty ones."""
    many = value if isinstance(value, (MultiValue, list)) else [value]
    return [text for text in (str(v).strip() for v in many if v is not None) if text]


def _value_matches(vr: str, wanted: str, value: str) -> bool:
    if vr in _RANGES:
        return _time_matches(vr, wanted, value)
    if vr == "PN":
        return any(_text_matches(vr, _name(wanted), _name(group)) for group in value.split("="))
    return _text_matches(vr, wanted, value)


def _text_matches(vr: str, wanted: str, value: str) -> bool:
    if vr in _WILDCARDS and ("*" in wanted or "?" in wanted):
        return _pattern(wanted).fullmatch(value) is not None
    return wanted == value


@lru_cache(maxsize=256)
def _pattern(wanted: str) -> re.Pattern[str]:
    """C.2.2.2.4: `*` any characters, `?` one character."""
    parts = (".*" if c == "*" else "." if c == "?" else re.escape(c) for c in re.sub(r"\*+", "*", wanted))
    return re.compile("".join(parts), re.DOTALL)


def _name(value: str) -> str:
    """A person's name without empty components at its end; letters' case does not count (C.2.2.2.1)."""
    return value.split("=")[0].casefold().rstrip("^ ")


def _time_matches(vr: str, wanted: str, value: str) -> bool:
    """C.2.2.2.5: a range has a hyphen; times of less precision mean all of their span."""
    value = _digits(vr, value)
    low, hyphen, high = wanted.partition("-")
    if not hyphen:
        return value.startswith(_digits(vr, wanted)) or _padded(_digits(vr, wanted), "0") == _padded(value, "0")
    if low and _padded(value, "0") < _padded(_digits(vr, low), "0"):
        return False
    return not high or _padded(value, "0") <= _padded(_digits(vr, high), "9")


def _digits(vr: str, value: str) -> str:
    """Without the separators of old units (2026.11.24, 10:30), spaces around it and, of a date, a time."""
    clean = re.sub(r"[^0-9]", "", value)
    return clean[:8] if vr == "DA" else clean


def _padded(digits: str, filler: str) -> str:
    return digits.ljust(20, filler)


def answer(query: Dataset, item: Dataset) -> Dataset:
    """The return keys of a query with the item's values; what the item does not know comes back empty."""
    result = Dataset()
    for key in query:
        if key.keyword in NOT_KEYS:
            continue
        if key.VR == "SQ":
            wanted = key.value[0] if key.value else None
            found = item.get(key.keyword) or []
            parts = [part if wanted is None or not len(wanted) else answer(wanted, part) for part in found]
            result.add(DataElement(key.tag, "SQ", DicomSequence(parts)))
        else:
            result.add(DataElement(key.tag, key.VR, item[key.tag].value if key.tag in item else None))
    return result


_PYTHON_CODECS = {
    "": "ascii", "ISO_IR 6": "ascii", "ISO_IR 192": "utf_8", "ISO_IR 100": "latin_1", "ISO_IR 101": "iso8859_2",
    "ISO_IR 109": "iso8859_3", "ISO_IR 110": "iso8859_4", "ISO_IR 144": "iso8859_5", "ISO_IR 127": "iso8859_6",
    "ISO_IR 126": "iso8859_7", "ISO_IR 138": "iso8859_8", "ISO_IR 148": "iso8859_9", "ISO_IR 166": "tis_620",
    "GB18030": "gb18030", "GBK": "gbk",
}  # fmt: skip  # PS3.3 C.12.1.1.2: sets without code extensions


def character_set_for(ds: Dataset, asked: str | None) -> str | None:
    """The set to answer in: none for plain ASCII, the asker's own if it can write the texts, else UTF-8."""
    text = "".join(str(e.value) for e in ds.iterall() if e.VR in ("PN", "LO", "SH", "LT", "ST", "UT", "UC"))
    if text.isascii():
        return None
    codec = _PYTHON_CODECS.get(asked or "")
    if codec is None or asked in (None, ""):
        return "ISO_IR 192"
    try:
        text.encode(codec)
    except UnicodeEncodeError:
        return "ISO_IR 192"
    return asked
