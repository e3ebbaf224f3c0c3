"""Report templates by species and region, and blocks of text that radiologists put in."""

from collections.abc import Iterable
from dataclasses import dataclass

from appliance.archive.database import Database
from appliance.errors import BadInput, NotFound
from appliance.reading.gate import ANY
from appliance.reading.report import valid_language
from appliance.validators import valid_name

MAX_TEXT = 20_000


@dataclass(frozen=True)
class Template:
    """What a report begins with; `*` is any species or region."""

    id: int | None
    name: str
    species: str
    region: str
    findings: str
    impression: str
    recommendation: str
    language: str = ""
    """Of its text; empty is the one that the service writes in."""


@dataclass(frozen=True)
class TextBlock:
    """A text by its short name."""

    id: int
    name: str
    text: str


CUSTOMARY = (
    Template(
        None, "Thorax, dog", "Canine", "Thorax",
        "Positioning and exposure:\nThoracic wall and diaphragm:\nMediastinum and trachea:\n"
        "Heart (VHS):\nPulmonary vessels:\nLungs:\nPleural space:\nBones:",
        "", "",
    ),
    Template(
        None, "Thorax, cat", "Feline", "Thorax",
        "Positioning and exposure:\nThoracic wall and diaphragm:\nMediastinum and trachea:\nHeart:\n"
        "Pulmonary vessels:\nLungs (bronchial, interstitial, alveolar):\nPleural space:\nBones:",
        "", "",
    ),
    Template(
        None, "Abdomen", ANY, "Abdomen",
        "Serosal detail:\nLiver and spleen:\nKidneys and bladder:\nStomach:\nSmall intestine:\nColon:\nBones:", "", "",
    ),
    Template(
        None, "Hips", ANY, "Pelvis",
        "Positioning:\nRight hip (Norberg angle):\nLeft hip (Norberg angle):\nFemora:\nPelvis:", "", "",
    ),
    Template(
        None, "Cervical spine", ANY, "Cervical spine",
        "Alignment (lordosis, offsets):\nVertebral bodies:\nDisc spaces:\nFacet joints:\nSoft tissue:", "", "",
    ),
    Template(
        None, "Lumbar spine", ANY, "Lumbar spine",
        "Alignment:\nVertebral bodies:\nDisc spaces:\nFacet joints:\nSacroiliac joints:", "", "",
    ),
    Template(None, "Foot", ANY, "Foot", "Alignment (angles):\nBones:\nJoints:\nSoft tissue:", "", ""),
)  # fmt: skip
"""Every service begins with these, and edits them on the page."""


class Templates:
    """The templates and text blocks of one practice or service."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[Template]:
        """By name; an own template of the same name stands for the customary one, an empty one takes it off."""
        found = {t.name.casefold(): t for t in CUSTOMARY}
        for row in self._database.read.query("SELECT * FROM report_template"):
            found[row["name"].casefold()] = Template(**row)
        return sorted((t for t in found.values() if _texts(t)), key=lambda t: t.name.casefold())

    def fitting(self, species: str, region: str) -> list[Template]:
        """All, those that fit the case best first."""

        def distance(template: Template) -> int:
            return sum(
                0 if wanted.casefold() == given.casefold() else 1 if wanted == ANY else 5
                for wanted, given in ((template.species, species), (template.region, region))
            )

        return sorted(self.all(), key=distance)

    def put(self, given: dict[str, str]) -> None:
        """Make or change a template by its name; raises BadInput."""
        name = _name(given.get("name", ""), [t.name for t in CUSTOMARY])
        species, region = (given.get(key, "").strip()[:64] or ANY for key in ("species", "region"))
        texts = [_text(given.get(key, "")) for key in ("findings", "impression", "recommendation")]
        language = valid_language(given["language"]) if given.get("language") else ""
        with self._database.write() as db:
            db.conn.execute(
                "INSERT INTO report_template (name, species, region, findings, impression, recommendation, language)"
                " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET species = excluded.species,"
                " region = excluded.region, findings = excluded.findings, impression = excluded.impression,"
                " recommendation = excluded.recommendation, language = excluded.language",
                [name, species, region, *texts, language],
            )

    def named(self, name: str) -> Template | None:
        """The template of a name, to be changed."""
        return next((t for t in self.all() if t.name.casefold() == name.casefold()), None)

    def blocks(self) -> list[TextBlock]:
        """All text blocks, by name."""
        return [TextBlock(**row) for row in self._database.read.query("SELECT * FROM text_block ORDER BY name")]

    def put_block(self, name: str, text: str) -> None:
        """Make or change a block by its name; without text it is removed. Raises BadInput."""
        name = _name(name)
        with self._database.write() as db:
            db.conn.execute("DELETE FROM text_block WHERE name = ?", [name])
            if text.strip():
                db.conn.execute("INSERT INTO text_block (name, text) VALUES (?, ?)", [name, _text(text)])

    def block(self, block_id: int) -> TextBlock:
        """One block; raises NotFound."""
        found = next((b for b in self.blocks() if b.id == block_id), None)
        if found is None:
            raise NotFound(what="text block")
        return found


def _texts(template: Template) -> str:
    return template.findings + template.impression + template.recommendation


def _name(value: str, known: Iterable[str] = ()) -> str:
    """A name that somebody gave; one that is `known` already is good."""
    if found := next((name for name in known if name.casefold() == value.strip().casefold()), None):
        return found
    try:
        return valid_name(value.replace(",", ""))
    except ValueError as error:
        raise BadInput(field="Name", reason=str(error)) from None


def _text(value: str) -> str:
    if len(value) > MAX_TEXT:
        raise BadInput(field="Text", reason=f"at most {MAX_TEXT} characters")
    return "".join(c for c in value.replace("\r\n", "\n") if c.isprintable() or c == "\n").strip()
