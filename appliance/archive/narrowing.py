"""What an index can find of a text search: a superset of the matching studies, which is then matched exactly.

A text that begins with letters is looked up by them, one with a wildcard in front by the trigrams of its longest run
of letters (migration 0004). Only ASCII is looked up: its case can be told without knowing the language.
"""

import re
import unicodedata

_RUN = re.compile(r"[ -)+-<>@-\[\]-~]+")  # printable ASCII without wildcards, '=' and backslash
_TRIGRAM = 3
# ruff: noqa: S608 - the texts below are ours
ODD = (
    "text GLOB '*[' || char(223, 304, 329, 383, 894, 7834, 7838, 8175, 8490, 64256, 64257, 64258, 64259, 64260, 64261,"
)
ODD += " 64262) || ']*'"  # as in migration 0004
_BEGINNING = "SELECT study_id FROM search_text WHERE field = ? AND text >= ? AND text < ?"
_INSIDE = (  # CROSS: the trigrams first, whatever SQLite thinks of them
    "SELECT study_id FROM search_trigram CROSS JOIN search_text ON search_text.id = search_trigram.rowid"
    " WHERE +field = ? AND search_trigram MATCH ?"
)
_ANYWHERE = (
    "SELECT study_id FROM search_trigram CROSS JOIN search_text ON search_text.id = search_trigram.rowid"
    " WHERE search_trigram MATCH ?"
)
_ODD_ONES = f"SELECT study_id FROM search_text INDEXED BY search_text_odd WHERE field = ? AND {ODD}"


def narrowed(column: str, wanted: str) -> tuple[str, list[str]] | None:
    """A condition on studies, with its values, that every match of `wanted` in a column fulfils; None if none helps."""
    field = column.removeprefix("study.")
    group = next((part for part in _plain(wanted).split("=") if part), "")
    beginning = _RUN.match(group)
    longest = max(_RUN.findall(group), key=len, default="")
    if beginning is not None:
        first = beginning[0].lower()
        sql, values = _BEGINNING, [field, first, first[:-1] + chr(ord(first[-1]) + 1)]
    elif len(longest) >= _TRIGRAM:
        sql, values = _INSIDE, [field, _phrase(longest)]
    else:
        return None
    return f"study.id IN ({sql} UNION ALL {_ODD_ONES})", [*values, field]


def with_word(word: str) -> tuple[str, list[str]] | None:
    """A condition on studies that have a word anywhere in one of their texts; None if no index can tell."""
    if len(word) < _TRIGRAM or _RUN.fullmatch(word) is None:
        return None
    return f"study.id IN ({_ANYWHERE})", [_phrase(word)]


def _phrase(text: str) -> str:
    quoted = text.replace('"', '""')
    return f'"{quoted}"'


def _plain(wanted: str) -> str:
    """As names are compared: composed, without what says nothing at the ends of a group (PS3.5 6.2.1.1)."""
    groups = unicodedata.normalize("NFC", wanted).split("=")
    return "=".join(group.lstrip().rstrip(" ^") for group in groups)
