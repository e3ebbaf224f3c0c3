"""Matching that SQL has no words for: person names and times of day (PS3.4 C.2.2.2), as functions of the database."""

import re
import sqlite3
import unicodedata
from functools import lru_cache

_LENIENT = " ^"  # empty components and padding at the end of a name say nothing, PS3.5 6.2.1.1


def register(conn: sqlite3.Connection) -> None:
    """Give a connection the functions `dicom_person`, `dicom_like`, `dicom_fuzzy` and `dicom_time`."""
    conn.create_function("dicom_person", 2, person_matches, deterministic=True)
    conn.create_function("dicom_like", 2, text_matches, deterministic=True)
    conn.create_function("dicom_fuzzy", 2, person_resembles, deterministic=True)
    conn.create_function("dicom_time", 1, time_of_day, deterministic=True)


def person_matches(stored: str | None, wanted: str) -> bool:
    """Whether a name matches, whatever the case (C.2.2.2.1); one wanted group may match any of the stored ones."""
    groups = _groups(stored or "")
    patterns = [(place, _pattern(group, fold=True)) for place, group in enumerate(_groups(wanted)) if group]
    if len(patterns) == 1:
        return any(patterns[0][1].fullmatch(group) is not None for group in groups)
    return all(place < len(groups) and pattern.fullmatch(groups[place]) for place, pattern in patterns)


def person_resembles(stored: str | None, wanted: str) -> bool:
    """Whether each word that is wanted begins a word of the name, whatever the case, the accents and the order."""
    words = _words(stored or "")
    return all(any(word.startswith(start) for word in words) for start in _words(wanted))


@lru_cache(maxsize=4096)
def _words(name: str) -> tuple[str, ...]:
    """The words of a name, folded and without accents."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    return tuple(word for word in re.split(r"[\s^=,*?]+", plain.casefold()) if word)


@lru_cache(maxsize=4096)
def _groups(name: str) -> tuple[str, ...]:
    """Component groups (alphabetic, ideographic, phonetic), folded, without what says nothing."""
    return tuple(_folded(group).rstrip(_LENIENT).lstrip() for group in name.split("="))


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def text_matches(stored: str | None, pattern: str) -> bool:
    """Whether a text matches a pattern with wildcards, in the case as given (C.2.2.2.4)."""
    return _pattern(pattern, fold=False).fullmatch(unicodedata.normalize("NFC", stored or "")) is not None


@lru_cache(maxsize=256)
def _pattern(wanted: str, *, fold: bool) -> re.Pattern[str]:
    """`*` is any run of characters, `?` any one; atomic groups keep matching linear whatever a peer sends."""
    text = _folded(wanted) if fold else unicodedata.normalize("NFC", wanted)
    first, *others = (re.escape(part).replace("\\?", ".") for part in re.split(r"\*+", text))
    if not others:
        return re.compile(first, re.DOTALL)
    middle = "".join(f"(?>.*?{part})" for part in others[:-1])
    return re.compile(f"{first}{middle}.*{others[-1]}", re.DOTALL)


def time_of_day(value: str | None, filler: str = "000000.000000") -> str | None:
    """A TM value in full length, its missing part taken from `filler`; None if it is no time (PS3.5 6.2)."""
    compact = (value or "").replace(":", "").strip()
    if not re.fullmatch(r"\d{2}(\d{2}(\d{2}(\.\d{1,6})?)?)?", compact):
        return None
    return compact + filler[len(compact) :]
