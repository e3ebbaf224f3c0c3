"""The patient's story that goes with the pictures: what a clinic tells and asks."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, get_args

from appliance.archive.catalogue import Study
from appliance.dicom.names import shown_name
from appliance.errors import BadInput

Urgency = Literal["STAT", "urgent", "routine"]
URGENCIES: tuple[Urgency, ...] = get_args(Urgency)
MAX_TEXT = 4_000  # characters of one field

# Field -> how staff call it; the order is that of the form, of the PDF and of the structured report.
LABELS = {
    "patient": "Patient",
    "owner": "Owner",
    "species": "Species",
    "breed": "Breed",
    "sex": "Sex",
    "neutered": "Neutered",
    "age": "Age",
    "weight": "Weight in kg",
    "region": "Region",
    "question": "Question",
    "history": "History",
    "medication": "Medication",
    "prior_findings": "Prior findings",
    "stat_reason": "Reason for STAT",
    "callback": "Call-back number",
    "wanted_by": "Wanted by",
}
LONG = frozenset({"question", "history", "medication", "prior_findings", "stat_reason"})
_SEX = {"M": "male", "F": "female", "O": "other"}
_NEUTERED = {"ALTERED": "yes", "UNALTERED": "no"}
_AGE = {"D": "days", "W": "weeks", "M": "months", "Y": "years"}
_REGIONS = {
    "CHEST": "Thorax", "THORAX": "Thorax", "ABDOMEN": "Abdomen", "PELVIS": "Pelvis", "HIP": "Pelvis", "SKULL": "Skull",
    "HEAD": "Skull", "CSPINE": "Cervical spine", "TSPINE": "Thoracic spine", "LSPINE": "Lumbar spine", "FOOT": "Foot",
    "ANKLE": "Ankle", "KNEE": "Knee", "STIFLE": "Stifle", "ELBOW": "Elbow", "SHOULDER": "Shoulder", "CARPUS": "Carpus",
    "TARSUS": "Tarsus", "HAND": "Hand", "TEETH": "Teeth",
}  # fmt: skip
REGIONS = tuple(dict.fromkeys(_REGIONS.values()))


@dataclass(frozen=True)
class Story:
    """All of it as text; empty is not told."""

    patient: str = ""
    owner: str = ""
    species: str = ""
    breed: str = ""
    sex: str = ""
    neutered: str = ""
    age: str = ""
    weight: str = ""
    region: str = ""
    question: str = ""
    history: str = ""
    medication: str = ""
    prior_findings: str = ""
    stat_reason: str = ""
    callback: str = ""
    wanted_by: str = ""

    def told(self) -> list[tuple[str, str]]:
        """Label and text of what is told, in order."""
        return [(label, value) for name, label in LABELS.items() if (value := getattr(self, name))]

    def as_json(self) -> str:
        """What is told, as JSON."""
        return json.dumps({name: value for name in LABELS if (value := getattr(self, name))}, ensure_ascii=False)


def from_json(text: str) -> Story:
    """The story that `as_json` wrote."""
    known = json.loads(text)
    return Story(**{name: str(known[name]) for name in LABELS if name in known})


def from_form(given: Mapping[str, str]) -> Story:
    """What staff typed; raises BadInput."""
    return Story(**{name: _clean(name, given.get(name, "")) for name in LABELS})


def _clean(name: str, value: str) -> str:
    value = value.replace("\r\n", "\n").strip()
    if len(value) > (MAX_TEXT if name in LONG else 200):
        raise BadInput(field=LABELS[name], reason="this is too long")
    kept = "".join(c for c in value if c.isprintable() or (c == "\n" and name in LONG))
    return kept if name in LONG else " ".join(kept.split())


def from_study(study: Study, region: str | None) -> Story:
    """What the pictures already tell."""
    age = study.patient_age or ""
    plain_age = f"{int(age[:3])} {_AGE[age[3]]}" if len(age) == 4 and age[:3].isdecimal() and age[3] in _AGE else ""
    return Story(
        patient=_name(study.patient_name),
        owner=_name(study.responsible_person),
        species=study.patient_species_description or "",
        breed=study.patient_breed_description or "",
        sex=_SEX.get(study.patient_sex or "", ""),
        neutered=_NEUTERED.get(study.patient_sex_neutered or "", ""),
        age=plain_age,
        weight=study.patient_weight or "",
        region=_REGIONS.get((region or "").upper().replace(" ", ""), (region or "").capitalize()),
    )


def _name(value: str | None) -> str:
    return shown_name(value) if value else ""


def over(story: Story, known: Story) -> Story:
    """`story` with its empty fields filled from `known`."""
    return replace(story, **{name: getattr(story, name) or getattr(known, name) for name in LABELS})
