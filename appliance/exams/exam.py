"""An exam that somebody ordered, and how what staff type becomes DICOM attributes."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from appliance.dicom.breeds import breed_of
from appliance.dicom.vocabulary import SPECIES, species_of
from appliance.errors import BadInput
from appliance.validators import valid_ae_title

MODALITIES = ("DX", "CR", "CT", "MR", "US", "RF", "ES", "OT")
_NEUTERED = {"yes": "ALTERED", "no": "UNALTERED", "altered": "ALTERED", "unaltered": "UNALTERED"}
_AGE_UNITS = {"y": "Y", "year": "Y", "m": "M", "month": "M", "w": "W", "week": "W", "d": "D", "day": "D"}
_SEX = {"m": "M", "f": "F", "o": "O", "male": "M", "female": "F", "other": "O"}


@dataclass(frozen=True)
class Exam:
    """A row of the table; names are the snake_case of the DICOM keyword."""

    id: int
    accession_number: str
    study_instance_uid: str
    performed_study_uid: str | None
    state: str
    patient_id: str
    issuer_of_patient_id: str | None
    patient_name: str
    patient_birth_date: str | None
    patient_sex: str | None
    patient_age: str | None
    patient_weight: str | None
    patient_species_description: str | None
    species_code: str | None
    patient_breed_description: str | None
    breed_code: str | None
    patient_sex_neutered: str | None
    responsible_person: str | None
    responsible_person_role: str | None
    responsible_organization: str | None
    modality: str
    station_ae_title: str | None
    scheduled_date: str
    scheduled_time: str
    description: str | None
    protocol: str | None
    referring_physician_name: str | None
    comments: str | None
    source: str
    created_by: str
    created_at: str
    changed_at: str


FIELDS = (
    "patient", "owner", "patient_id", "species", "breed", "sex", "neutered", "birth_date", "weight_kg", "date", "time",
    "modality", "protocol", "description", "station", "referring", "comments", "accession_number", "age",
)  # fmt: skip
"""What a form, a CSV file and a JSON object may hold; only `patient` is required."""


SAMPLE = (
    "patient,owner,patient_id,species,breed,sex,neutered,birth_date,weight_kg,date,time,modality,protocol,description,"
    "station,referring,comments,accession_number\n"
    'Rex,"Miller, Anna",K9-0042,dog,Labrador retriever dog,M,yes,2019-04-12,31.5,2026-11-24,14:30,DX,Thorax 3 views,'
    'Thorax,,"Smith, Jo",coughs at night,\n'
    "Sam Jordan,,C-1007,,,F,,1983-02-03,68,2026-11-24,15:00,DX,Cervical AP + lateral,Neck,,,after a fall,\n"
)


def attributes(given: Mapping[str, str]) -> dict[str, str | None]:
    """What staff typed as columns of the table; raises BadInput with the field and what is allowed."""
    unknown = sorted(given.keys() - set(FIELDS))
    if unknown:
        raise BadInput(field=unknown[0], reason=f"not known here; the fields are {', '.join(FIELDS)}")
    text = {name: " ".join(str(given.get(name) or "").split()) for name in FIELDS}
    for name, value in text.items():
        if len(value) > (1024 if name == "comments" else 64) or not value.isprintable() or "\\" in value:
            raise BadInput(field=name, reason="too long, or with characters that DICOM does not allow")
    if not text["patient"]:
        raise BadInput(field="patient", reason="a name is needed")
    species, breed = species_of(text["species"]), breed_of(text["breed"])
    now = datetime.now().astimezone()
    return {
        "patient_name": _patient_name(text["patient"], text["owner"]),
        "patient_id": text["patient_id"],
        "patient_species_description": species or None,
        "species_code": SPECIES[species].value if species in SPECIES else None,
        "patient_breed_description": text["breed"] or None,
        "breed_code": breed.value if breed else None,
        "patient_sex": _checked(text, "sex", _sex),
        "patient_sex_neutered": _checked(text, "neutered", _neutered),
        "patient_birth_date": (born := _checked(text, "birth_date", _date)),
        "patient_age": _checked(text, "age", _age) or (age_of(born, now.date()) if born else None),
        "patient_weight": _checked(text, "weight_kg", _weight),
        "responsible_person": person_name(text["owner"]) if text["owner"] else None,
        "responsible_person_role": "OWNER" if text["owner"] else None,
        "scheduled_date": _checked(text, "date", _date) or now.strftime("%Y%m%d"),
        "scheduled_time": _checked(text, "time", _time) or now.strftime("%H%M%S"),
        "modality": _checked(text, "modality", _modality) or "DX",
        "station_ae_title": _checked(text, "station", valid_ae_title),
        "protocol": text["protocol"] or None,
        "description": text["description"] or text["protocol"] or None,
        "referring_physician_name": person_name(text["referring"]) if text["referring"] else None,
        "comments": text["comments"] or None,
        "accession_number": _checked(text, "accession_number", _short) or "",
    }


def _checked(text: Mapping[str, str], name: str, check: Callable[[str], str]) -> str | None:
    if not text[name]:
        return None
    try:
        return check(text[name])
    except ValueError as error:
        raise BadInput(field=name, reason=f"{text[name]!r} is not allowed; allowed: {error}") from None


def person_name(text: str) -> str:
    """'Miller, Anna' or 'Anna Miller' as a DICOM person name; one that is written in DICOM's way stays."""
    if "^" in text:
        return text
    if "," in text:
        family, _, given = text.partition(",")
    else:
        given, _, family = text.rpartition(" ")
    return f"{family.strip()}^{given.strip()}".rstrip("^")


def _patient_name(patient: str, owner: str) -> str:
    """An animal's name stands behind its owner's family name (PS3.5 6.2, PN in veterinary use)."""
    if not owner or "^" in patient:
        return person_name(patient)
    return f"{person_name(owner).split('^')[0]}^{patient}"


def _date(value: str) -> str:
    for form in ("%Y-%m-%d", "%Y%m%d", "%d.%m.%Y"):
        try:
            return datetime.strptime(value, form).strftime("%Y%m%d")  # noqa: DTZ007 - a date has no zone
        except ValueError:
            continue
    raise ValueError("a date like 2026-11-24")


def _time(value: str) -> str:
    for form in ("%H:%M", "%H%M", "%H:%M:%S", "%H%M%S"):
        try:
            return datetime.strptime(value, form).strftime("%H%M%S")  # noqa: DTZ007 - the clinic's own time
        except ValueError:
            continue
    raise ValueError("a time like 14:30")


def _weight(value: str) -> str:
    number = re.fullmatch(r"(\d{1,4}([.,]\d{1,3})?)( ?kg)?", value)
    if number is None:
        raise ValueError("kilograms, e.g. 31.5")
    return number[1].replace(",", ".")


def _age(value: str) -> str:
    """An Age String (PS3.5 6.2, VR AS); a bare number is years."""
    found = re.fullmatch(r"(\d{1,3}) ?([a-z]*)", value.casefold())
    unit = _AGE_UNITS.get(found[2].removesuffix("s") or "y") if found else None
    if found is None or unit is None:
        raise ValueError("a number with years, months, weeks or days, e.g. 7 years")
    return f"{int(found[1]):03}{unit}"


def age_of(born: str, day: date) -> str | None:
    """The age on a day as an Age String: in days for a month, in weeks for three, in months for two years."""
    birth = datetime.strptime(born, "%Y%m%d").date()  # noqa: DTZ007 - a date has no zone
    days = (day - birth).days
    months = 12 * (day.year - birth.year) + day.month - birth.month - (day.day < birth.day)
    if not 0 <= days < 1000 * 365:
        return None
    number, unit = (days, "D") if days < 31 else (days // 7, "W") if days < 91 else (months, "M")
    return f"{number:03}{unit}" if months < 24 else f"{months // 12:03}Y"


def _one_of(value: str, allowed: Mapping[str, str], words: str) -> str:
    try:
        return allowed[value.casefold()]
    except KeyError:
        raise ValueError(words) from None


def _sex(value: str) -> str:
    return _one_of(value, _SEX, "M, F or O")


def _neutered(value: str) -> str:
    return _one_of(value, _NEUTERED, "yes or no")


def _modality(value: str) -> str:
    return _one_of(value, {m.casefold(): m for m in MODALITIES}, ", ".join(MODALITIES))


def _short(value: str) -> str:
    if len(value) > 16:
        raise ValueError("at most 16 characters")
    return value
