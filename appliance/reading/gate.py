"""The case gate: what a request must tell before it is released, by kind of practice, species and region."""

from collections.abc import Iterable
from dataclasses import dataclass

from appliance.archive.database import Database
from appliance.errors import BadInput
from appliance.reading.story import LABELS, Story, Urgency

ANY = "*"


@dataclass(frozen=True)
class Rule:
    """A row of the table; `*` is any. All rows that fit a case apply together."""

    practice: str
    species: str
    region: str
    fields: tuple[str, ...]

    def fits(self, practice: str, story: Story) -> bool:
        """Whether the rule applies to a case."""
        pairs = ((self.practice, practice), (self.species, story.species), (self.region, story.region))
        return all(wanted in (ANY, "") or wanted.casefold() == given.casefold() for wanted, given in pairs)


# What readers ask back for when it is missing (FIELD 1, pain 30); a clinic edits it on the page.
DEFAULTS = (
    Rule("vet", ANY, ANY, ("patient", "owner", "species", "sex", "age", "region", "question", "history")),
    Rule("vet", ANY, "Thorax", ("weight", "medication")),
    Rule("vet", ANY, "Pelvis", ("breed", "weight", "neutered")),
    Rule("vet", "Equine", ANY, ("breed",)),
    Rule("chiro", ANY, ANY, ("patient", "sex", "age", "region", "question", "history")),
    Rule("chiro", ANY, "Lumbar spine", ("prior_findings",)),
    Rule("podiatry", ANY, ANY, ("patient", "sex", "age", "region", "question", "history")),
    Rule("human", ANY, ANY, ("patient", "sex", "age", "region", "question", "history")),
)
_FOR_STAT = ("stat_reason", "callback")


class CaseGate:
    """The rules of one clinic: the customary ones, with those that it changed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def rules(self) -> list[Rule]:
        """All rules in force; one without fields is taken off."""
        found = {(r.practice, r.species, r.region): r for r in DEFAULTS}
        for row in self._database.read.query("SELECT * FROM case_rule"):
            rule = Rule(row["practice"], row["species"], row["region"], tuple(row["fields"].split()))
            found[rule.practice, rule.species, rule.region] = rule
        return sorted((r for r in found.values() if r.fields), key=lambda r: (r.practice, r.species, r.region))

    def put(self, practice: str, species: str, region: str, fields: Iterable[str]) -> None:
        """Make or change a rule; without fields it is taken off. Raises BadInput."""
        wanted = [name for name in LABELS if name in set(fields)]
        key = [" ".join(part.split())[:64] or ANY for part in (practice, species, region)]
        if not all(part.isprintable() for part in key):
            raise BadInput(field="Rule", reason="plain words, or * for any")
        with self._database.write() as db:
            db.conn.execute(
                "INSERT INTO case_rule (practice, species, region, fields) VALUES (?, ?, ?, ?)"
                " ON CONFLICT DO UPDATE SET fields = excluded.fields",
                [*key, " ".join(wanted)],
            )

    def required(self, story: Story, urgency: Urgency) -> list[str]:
        """The fields that this case must tell, in the order of the form."""
        practice = self._database.setting("practice_kind") or "vet"
        needed = {field for rule in self.rules() if rule.fits(practice, story) for field in rule.fields}
        if urgency == "STAT":
            needed.update(_FOR_STAT)
        return [name for name in LABELS if name in needed]

    def missing(self, story: Story, urgency: Urgency) -> list[str]:
        """What is still to be told."""
        return [name for name in self.required(story, urgency) if not getattr(story, name).strip()]
