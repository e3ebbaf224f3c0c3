"""Identifiers of C-FIND, C-MOVE and C-GET requests: level, unique keys, match keys (PS3.4 C.4)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydicom.multival import MultiValue
from pynetdicom.events import Event

from appliance.archive.search import UNIQUE

# Query/retrieve level -> level of the search, by information model (PS3.4 C.6.1.1, C.6.2.1)
STUDY_ROOT = {"STUDY": "study", "SERIES": "series", "IMAGE": "instance"}
PATIENT_ROOT = {"PATIENT": "patient", **STUDY_ROOT}
MAX_VALUES = 10_000  # of one list of UIDs


class BadIdentifier(Exception):
    """The identifier does not fit the SOP class; the text is for developers and is never logged."""


@dataclass(frozen=True)
class Identifier:
    """A request's level in both words, and its keys with their values as text ('' is universal)."""

    query_level: str
    level: str
    levels: tuple[str, ...]
    keys: Mapping[str, str]

    @property
    def above(self) -> tuple[str, ...]:
        """The unique keys of the levels above."""
        return tuple(UNIQUE[level] for level in self.levels[: self.levels.index(self.level)])

    def unique(self) -> dict[str, list[str]]:
        """Values of the unique keys for a retrieval (C.4.2.2.1); raises BadIdentifier."""
        own = [value.strip() for value in self.keys.get(UNIQUE[self.level], "").split("\\") if value.strip()]
        if not own or len(own) > MAX_VALUES:
            raise BadIdentifier("no value of the unique key of its level, or too many")
        if self.level == "patient" and len(own) > 1:
            raise BadIdentifier("more than one patient")
        return {**{keyword: [self.keys[keyword]] for keyword in self.above}, UNIQUE[self.level]: own}


def read_identifier(event: Event, levels: Mapping[str, str]) -> Identifier:
    """The identifier of a request, decoded by its own character set; raises BadIdentifier."""
    try:
        ds = event.identifier
        keys = {element.keyword: as_text(element.value) for element in ds if element.keyword and element.VR != "SQ"}
    except Exception as error:  # hostile bytes raise anything in the parser
        raise BadIdentifier("it cannot be read") from error
    query_level = keys.pop("QueryRetrieveLevel", "").strip().upper()
    if query_level not in levels:
        raise BadIdentifier("its level is not one of this information model")
    found = Identifier(query_level, levels[query_level], tuple(levels.values()), keys)
    for keyword in found.above:
        value = keys.get(keyword, "")
        if not value or any(char in value for char in "\\*?"):
            raise BadIdentifier("a unique key of a level above is missing or no single value")
    return found


def as_text(value: Any) -> str:
    """A value as DICOM writes it: several are separated by backslashes."""
    if value is None:
        return ""
    if isinstance(value, MultiValue | list | tuple):
        return "\\".join(str(item).strip() for item in value)
    return str(value).strip()
