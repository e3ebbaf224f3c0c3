"""Expected views of an exam, and which of them have arrived."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from appliance.archive.database import Database
from appliance.dicom.vocabulary import PROTOCOLS, Protocol
from appliance.errors import BadInput
from appliance.validators import valid_name

MAXIMUM_VIEWS = 20
# How units write a view (View Position, PS3.3 C.8.11.5, or the meaning of its code) -> how staff say it
_SPELLINGS = {
    "right lateral": ("RL", "R LATERAL", "R LL", "RLL", "RLAT", "R LAT", "RIGHT LATERAL", "R RL", "R RLD"),
    "left lateral": ("LL", "L LATERAL", "L LL", "LLL", "LLAT", "L LAT", "LEFT LATERAL", "L LLD"),
    "lateral": ("LAT", "LATERAL", "ML", "LM"),
    "VD": ("VD", "VENTRO-DORSAL", "VENTRODORSAL", "V D"),
    "DV": ("DV", "DORSO-VENTRAL", "DORSOVENTRAL"),
    "AP": ("AP", "ANTERO-POSTERIOR", "ANTEROPOSTERIOR"),
    "PA": ("PA", "POSTERO-ANTERIOR", "POSTEROANTERIOR"),
    "oblique": ("OBLIQUE", "RLO", "LLO", "LAO", "RAO", "LPO", "RPO", "OBL"),
}
_CANONICAL = {spelling: view for view, spellings in _SPELLINGS.items() for spelling in spellings}
_SIDES = {"R": "right lateral", "L": "left lateral"}


def canonical_view(text: str | None, side: str | None = None) -> str:
    """A view as staff say it; what is not known stays as it is written."""
    word = re.sub(r"\s+", " ", (text or "").strip().upper())
    view = _CANONICAL.get(word, (text or "").strip())
    return _SIDES.get(side or "", view) if view == "lateral" else view


def missing_views(expected: Iterable[str], arrived: Iterable[str]) -> list[str]:
    """What is still to be made, in order; a view expected twice is needed twice, a plain lateral may have any side."""
    have = Counter(canonical_view(view) for view in arrived)
    missing = []
    for view in expected:
        wanted = canonical_view(view)
        sides = (
            ("lateral", *_SIDES.values())
            if wanted == "lateral"
            else (wanted, "lateral")
            if "lateral" in wanted
            else (wanted,)
        )
        found = next((side for side in sides if have[side]), None)
        if found is None:
            missing.append(view)
        else:
            have[found] -= 1
    return missing


class Protocols:
    """The clinic's exams by name; the customary ones until it edits them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[Protocol]:
        """Customary protocols and the clinic's own, by name; the clinic's wording wins."""
        found = {p.name.casefold(): p for p in PROTOCOLS}
        for row in self._database.read.query("SELECT * FROM protocol"):
            views = tuple(row["views"].splitlines())
            found[row["name"].casefold()] = Protocol(
                row["name"], row["practice"], row["modality"], row["body_part"], views
            )
        return sorted((p for p in found.values() if p.views), key=lambda p: p.name.casefold())

    def views(self, name: str | None) -> tuple[str, ...]:
        """The expected views of a protocol, none if it is not known."""
        return next((p.views for p in self.all() if p.name.casefold() == (name or "").casefold()), ())

    def put(self, name: str, views: Sequence[str], *, body_part: str = "", modality: str = "DX") -> None:
        """Make or change a protocol; one without views is taken off the list. Raises BadInput."""
        name = _name(name)
        clean = [" ".join(view.split())[:40] for view in views if view.strip()]
        if len(clean) > MAXIMUM_VIEWS:
            raise BadInput(field="Views", reason=f"at most {MAXIMUM_VIEWS}")
        with self._database.write() as db:
            db.conn.execute(
                "INSERT INTO protocol (name, practice, modality, body_part, views) VALUES (?, 'any', ?, ?, ?)"
                " ON CONFLICT (name) DO UPDATE SET views = excluded.views, body_part = excluded.body_part",
                [name, modality, body_part, "\n".join(clean)],
            )


def _name(text: str) -> str:
    """Of a customary protocol, or one that a person may give; raises BadInput."""
    if found := next((p.name for p in PROTOCOLS if p.name.casefold() == text.strip().casefold()), None):
        return found
    try:
        return valid_name(text.replace("+", "and"))
    except ValueError as error:
        raise BadInput(field="Name of the exam", reason=f"allowed: {error}") from None
