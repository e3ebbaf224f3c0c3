"""Facts of the archive in plain words for templates."""

from appliance.archive.catalogue import Instance, Study
from appliance.courier.destinations import Destination
from appliance.courier.queue import Progress
from appliance.dicom.names import shown_name

_SEX = {"M": "male", "F": "female", "O": "other"}
_NEUTERED = {"ALTERED": "neutered", "UNALTERED": "intact"}
_AGE_UNITS = {"D": "days", "W": "weeks", "M": "months", "Y": "years"}
_PROBLEMS = {
    "header-unreadable": "Parts of its header cannot be read.",
    "StudyInstanceUID-missing": "It does not say to which study it belongs.",
    "SeriesInstanceUID-missing": "It does not say to which series it belongs.",
    "SOPInstanceUID-missing": "It carries no number of its own.",
}


def animal(study: Study) -> str:
    """Species, breed, sex, age in one line."""
    sex = _SEX.get(study.patient_sex or "", "")
    neutered = _NEUTERED.get(study.patient_sex_neutered or "", "")
    parts = [
        study.patient_species_description,
        study.patient_breed_description,
        " ".join(filter(None, (sex, neutered))),
        age(study),
    ]
    return " · ".join(part for part in parts if part)


def age(study: Study) -> str:
    """'007Y' as '7 years'."""
    text = study.patient_age or ""
    if len(text) == 4 and text[:3].isdecimal() and text[3] in _AGE_UNITS:
        number = int(text[:3])
        unit = _AGE_UNITS[text[3]]
        return f"{number} {unit if number != 1 else unit[:-1]}"
    return ""


def patient(study: Study) -> str:
    """The patient's name in reading order."""
    return shown_name(study.patient_name)


def name(value: str | None) -> str:
    """A person's name in reading order."""
    return shown_name(value)


def date(value: str | None) -> str:
    """'20190412' as '2019-04-12'; anything else as it is."""
    text = value or ""
    return f"{text[:4]}-{text[4:6]}-{text[6:]}" if len(text) == 8 and text.isdecimal() else text


def owner(study: Study) -> str:
    """The responsible person's name, empty if there is none."""
    return shown_name(study.responsible_person) if study.responsible_person else ""


def problems(instance: Instance) -> list[str]:
    """What is odd about a picture, for staff."""
    words = [_PROBLEMS[code] for code in instance.problems if code in _PROBLEMS]
    if instance.conflict:
        words.append("A different picture with the same number exists; both are kept.")
    return words


def delivery_state(progress: Progress, destination: Destination | None) -> tuple[str, str]:
    """Kind ('good', 'busy', 'bad') and words; good only when every picture is confirmed (invariant 5)."""
    count = f"{progress.verified} of {progress.total} pictures confirmed"
    if progress.complete:
        return "good", f"At {progress.destination_name}: all {progress.total} confirmed"
    if progress.parked:
        return "bad", f"{progress.destination_name}: {count}. {progress.parked_message} {progress.parked_hint}"
    if destination is not None and destination.trouble:
        return "bad", f"{progress.destination_name}: {count}. {destination.trouble.message} {destination.trouble.hint}"
    if destination is not None and destination.paused:
        return "busy", f"{progress.destination_name} is paused: {count}"
    return "busy", f"On the way to {progress.destination_name}: {count}"
