"""What was seen to work between the box and its peers, as one table at the end of the run."""

from collections import defaultdict
from collections.abc import Iterable

SYNTAXES = {
    "1.2.840.10008.1.2": "ILE",
    "1.2.840.10008.1.2.1": "ELE",
    "1.2.840.10008.1.2.2": "EBE",
    "1.2.840.10008.1.2.5": "RLE",
    "1.2.840.10008.1.2.4.50": "JPEG8",
    "1.2.840.10008.1.2.4.51": "JPEG12",
    "1.2.840.10008.1.2.4.57": "JPLL",
    "1.2.840.10008.1.2.4.70": "JPLL1",
    "1.2.840.10008.1.2.4.80": "JLS",
    "1.2.840.10008.1.2.4.81": "JLSn",
    "1.2.840.10008.1.2.4.90": "J2K",
    "1.2.840.10008.1.2.4.91": "J2Kn",
}
"""Transfer syntax -> column."""
UNCOMPRESSED = tuple(SYNTAXES)[:3]
CHARACTER_SETS = {
    "": "A",
    "ISO_IR 100": "L",
    "ISO_IR 192": "U",
    "ISO_IR 144": "C",
    "\\ISO 2022 IR 87": "J",
    "GB18030": "G",
}
"""Character set -> letter in the cell."""
NO_TEXT = "+"
"""The cell of a service whose messages hold no text of people."""


class Matrix:
    """Cells, noted by tests after they have looked."""

    def __init__(self) -> None:
        self.cells: dict[tuple[str, str, str], set[str]] = defaultdict(set)

    def note(self, client: str, service: str, syntax: str, character_sets: Iterable[str] | None) -> None:
        """This client was seen to use this service so."""
        letters = {NO_TEXT} if character_sets is None else {CHARACTER_SETS[term] for term in character_sets}
        self.cells[client, service, syntax] |= letters

    def missing(self, client: str, service: str, syntaxes: Iterable[str], *, text: bool) -> list[str]:
        """What was not seen of that which a modality could meet."""
        wanted = set(CHARACTER_SETS.values()) if text else {NO_TEXT}
        return [
            f"{client} {service} {SYNTAXES[syntax]} {''.join(sorted(wanted - self.cells[client, service, syntax]))}"
            for syntax in syntaxes
            if wanted - self.cells[client, service, syntax]
        ]

    def lines(self) -> list[str]:
        """The table."""
        rows = sorted({(service, client) for client, service, _ in self.cells})
        if not rows:
            return []
        letters = ", ".join(f"{letter} {term or 'none'}" for term, letter in CHARACTER_SETS.items())
        found = [f"{'service':22}{'client':18}" + "".join(f"{name:8}" for name in SYNTAXES.values())]
        for service, client in rows:
            cells = ("".join(sorted(self.cells[client, service, uid])) or "·" for uid in SYNTAXES)
            found.append(f"{service:22}{client:18}" + "".join(f"{cell:8}" for cell in cells))
        return [*found, f"character sets: {letters}; {NO_TEXT} no text in it"]
