"""Facts of the archive in plain words for templates."""

import re
from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from babel import Locale
from babel.dates import get_month_names
from flask_babel import format_date, format_datetime, format_decimal, get_locale, ngettext
from flask_babel import gettext as _
from pydicom.uid import UID

from appliance.archive.catalogue import Instance, Study
from appliance.clock import moment
from appliance.courier.destinations import Destination
from appliance.courier.queue import Progress
from appliance.dicom.names import shown_name
from appliance.dicom.repair import REPAIRS
from appliance.dicom.vocabulary import PROTOCOLS
from appliance.reading.gate import ANY
from appliance.reading.note import TITLES
from appliance.reading.story import LABELS, Story
from webui.languages import N_, language, tr

_SEX = {"M": N_("male"), "F": N_("female"), "O": N_("other")}
_NEUTERED = {"ALTERED": N_("neutered"), "UNALTERED": N_("intact")}
STORED = (
    *(N_("routine"), N_("urgent"), N_("final"), N_("preliminary"), N_("addendum"), N_("corrected")),
    *(N_("withdrawn"), N_("completed"), N_("canceled"), N_("scheduled"), N_("discontinued"), N_("yes"), N_("no")),
    *(N_("viewer"), N_("technician"), N_("doctor"), N_("administrator"), N_("confirmed")),
    *(N_("picture"), N_("device"), N_("study"), N_("destination"), N_("request"), N_("export"), N_("draft")),
    *(N_("Right lateral"), N_("Left lateral"), N_("Lateral"), N_("Oblique"), N_("Canine"), N_("Feline"), N_("Equine")),
    *(N_("Bovine"), N_("Rabbit"), N_("Guinea pig"), N_("Ferret"), N_("Rat"), N_("Mouse")),
    *(N_("Pig"), N_("Sheep"), N_("Goat"), N_("Attachment: {label}"), N_("Photograph: {label}")),
    *(N_("account"), N_("token"), N_("report"), N_("document"), N_("case"), N_("clinic"), N_("exam"), N_("link")),
)
"""Single words that the box keeps and a page translates; longer texts are found where they are made."""
_ATTRIBUTES = {
    "patient_name": "Patient",
    "patient_id": "Patient’s number",
    "responsible_person": "Owner",
    "responsible_person_role": "Role of the owner",
    "study_instance_uid": "Number of the study",
    "series_instance_uid": "Number of the series",
    "sop_instance_uid": "Number of the picture",
    "rows": "Height",
    "columns": "Width",
}
_PRACTICES = {
    "vet": N_("Veterinary"),
    "chiro": N_("Chiropractic"),
    "podiatry": N_("Podiatric"),
    "human": N_("Human medicine"),
    ANY: N_("any"),
}
_EXAMS = frozenset(protocol.name for protocol in PROTOCOLS)
_IN_HOUSE = N_("in house")
_UNITS = ("days", "weeks", "months", "years")
_AGE = re.compile(rf"(\d{{1,3}}) ({'|'.join(_UNITS)})")
_COUNT = re.compile(r"\d{1,3}(?!\d)")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d")
_OF_CODES = ("species", "region", "sex", "neutered")
_LABELLED = {label: name for name, label in LABELS.items()}
_LINE_DOWN = ("unreachable", "stalled")
_EVIDENCE = {
    "receipt": "by signed receipt",
    "content": "by its content, fetched back",
    "query": "by its own query",
    "commitment": "by storage commitment",
}
_NOT_YET = {"waiting": N_("waits"), "answered": "taken, not confirmed yet", "parked": N_("stopped")}
_PROBLEMS = {
    "not-repaired": "The rules of its unit could not be followed.",
    "header-unreadable": "Parts of its header cannot be read.",
    "StudyInstanceUID-missing": "It does not say to which study it belongs.",
    "SeriesInstanceUID-missing": "It does not say to which series it belongs.",
    "SOPInstanceUID-missing": "It carries no number of its own.",
}


def animal(study: Study) -> str:
    """Species, breed, sex, age in one line."""
    sex = tr(_SEX.get(study.patient_sex or ""))
    neutered = tr(_NEUTERED.get(study.patient_sex_neutered or ""))
    parts = [
        tr(study.patient_species_description),
        study.patient_breed_description,
        " ".join(filter(None, (sex, neutered))),
        age(study),
    ]
    return " · ".join(part for part in parts if part)


def age(study: Study) -> str:
    """'007Y' as '7 years'."""
    text = study.patient_age or ""
    return _counted(int(text[:3]), text[3]) if len(text) == 4 and text[:3].isdecimal() else ""


def _counted(number: int, unit: str) -> str:
    match unit.upper():
        case "D":
            return str(ngettext("%(num)s day", "%(num)s days", number))
        case "W":
            return str(ngettext("%(num)s week", "%(num)s weeks", number))
        case "M":
            return str(ngettext("%(num)s month", "%(num)s months", number))
        case "Y":
            return str(ngettext("%(num)s year", "%(num)s years", number))
    return ""


def story_age(text: str) -> str:
    """'7 years', as a request has it from the pictures, in the language of the page; what else was typed as it is."""
    found = _AGE.fullmatch(text)
    return _counted(int(found[1]), found[2][0]) if found else text


def story_age_typed(text: str) -> str:
    """What `story_age` made, as the box keeps it; other texts stay as they are."""
    typed = text.strip().casefold()
    number = int(found[0]) if (found := _COUNT.match(typed)) else 0
    unit = next((unit for unit in _UNITS if _counted(number, unit[0]).casefold() == typed), None)
    return f"{number} {unit}" if unit else text


def told(story: Story) -> list[tuple[str, str]]:
    """Label and text of what a request tells, in the language of the page where the words are the box's own."""
    return [(tr(LABELS[name]), told_value(name, value)) for name in LABELS if (value := getattr(story, name))]


def told_value(name: str, value: str) -> str:
    """One field of a request in the language of the page."""
    if name in _OF_CODES:
        return tr(value)
    if name == "age":
        return story_age(value)
    if name == "wanted_by" and _MOMENT.fullmatch(value):
        return f"{date(value[:10].replace('-', ''))} {value[11:]}"
    if name == "weight" and language() != "en":
        return value.replace(".", ",")
    return value


def patient(study: Study) -> str:
    """The patient's name in reading order."""
    return shown_name(study.patient_name)


def name(value: str | None) -> str:
    """A person's name in reading order."""
    return shown_name(value)


def local_time(value: str) -> str:
    """A stamp as the clinic's clocks show it, to the minute."""
    local = moment(value).astimezone()
    if language() == "en":
        return local.strftime("%Y-%m-%d %H:%M")
    return f"{format_date(local.date())} {format_datetime(local, 'HH:mm', rebase=False)}"


def date(value: str | None) -> str:
    """'20190412' as '2019-04-12', or as the language writes it; anything else as it is."""
    text = value or ""
    if len(text) != 8 or not text.isdecimal():
        return text
    try:
        day = datetime.strptime(text, "%Y%m%d").date()  # noqa: DTZ007 - a day has no zone
    except ValueError:
        return f"{text[:4]}-{text[4:6]}-{text[6:]}"
    return day.isoformat() if language() == "en" else str(format_date(day))


def month(value: str) -> str:
    """'2026-11' as 'November 2026'."""
    return f"{get_month_names('wide', 'stand-alone', get_locale())[int(value[5:])]} {value[:4]}"


def weight(kilograms: float) -> str:
    """In the language's own figures."""
    return f"{kilograms} kg" if language() == "en" else f"{format_decimal(kilograms)} kg"


def money(cents: int, currency: str) -> str:
    """'EUR 45.00', or as the language writes it."""
    amount = str(format_decimal(cents / 100, "0.00"))
    return f"{currency} {amount}" if language() == "en" else f"{amount} {currency}"


def language_name(tag: str) -> str:
    """Of a report's language, in that of the page."""
    text = str(Locale.parse(tag).get_display_name(get_locale()))
    return text[:1].upper() + text[1:]


def practice(kind: str) -> str:
    """The kind of a practice."""
    return tr(_PRACTICES.get(kind, kind))


def exam(text: str | None) -> str:
    """What an exam or a study is called: customary names in the language of the page, others as they are."""
    return tr(text) if text in _EXAMS else text or ""


def is_note(title: str | None) -> bool:
    """Whether clinic and reader tell each other something under this title; a report is none."""
    return title in TITLES.values()


def note(title: str | None) -> str:
    """The title of what clinic and reader tell each other; others as they are."""
    return tr(title) if is_note(title) else title or ""


def note_paragraph(text: str) -> str:
    """'Species: Canine', as a request tells it, in the language of the page; what people wrote stays as it is."""
    label, colon, value = text.partition(": ")
    if label in _LABELLED:
        value = told_value(_LABELLED[label], value)
    elif label in ("Urgency", "Said"):
        value = tr(value)
    return f"{tr(label)}: {value}" if colon else text


def reader(name: str) -> str:
    """A reader by its name, or that a case was read in house."""
    return tr(name) if name == _IN_HOUSE else name


def number(value: float) -> str:
    """With one decimal place."""
    return str(format_decimal(value, "0.0"))


def owner(study: Study) -> str:
    """The responsible person's name, empty if there is none."""
    return shown_name(study.responsible_person) if study.responsible_person else ""


def problems(instance: Instance) -> list[str]:
    """What is odd about a picture, for staff."""
    words = [tr(_PROBLEMS[code]) for code in instance.problems if code in _PROBLEMS]
    if instance.conflict:
        words.append(_("A different picture with the same number exists; both are kept."))
    return words


def file_facts(instance: Instance) -> str:
    """What is known of a file whose picture cannot be shown."""
    facts = [
        _("%(columns)s × %(rows)s pixels", columns=instance.columns, rows=instance.rows)
        if instance.columns and instance.rows
        else _("no pixels named"),
        _("%(count)s frames", count=instance.number_of_frames) if (instance.number_of_frames or 1) > 1 else "",
        f"{number(instance.size_bytes / 1e6)} MB",
        UID(instance.transfer_syntax_uid).name,
        UID(instance.sop_class_uid).name,
    ]
    kept = _("It is kept as it was received and is sent to readers all the same.")
    return f"{', '.join(filter(None, facts))}. {kept}"


def repairs(images: Iterable[Instance]) -> list[str]:
    """What was put right by the rules of the units, with the number of pictures."""
    counts = Counter(code for image in images for code in image.repairs)
    return [f"{tr(REPAIRS[code])} ({count})" for code, count in counts.items()]


def attribute(name: str) -> str:
    """The column of an attribute as staff say it."""
    return tr(_ATTRIBUTES.get(name, name.replace("_", " ").capitalize()))


def delivery_state(
    progress: Progress, destination: Destination | None, shortfall: tuple[int, int] | None = None
) -> tuple[str, str]:
    """Kind ('good', 'busy', 'bad') and words; good only when every picture is confirmed (invariant 5).

    `shortfall`: how many were taken and how many are here, where the two differ.
    """
    name = progress.destination_name
    count = _("%(done)s of %(total)s pictures confirmed", done=progress.verified, total=progress.total)
    if progress.complete and shortfall:
        taken, here = shortfall
        short = _(
            "%(taken)s were taken and %(here)s are on the box. Send from the X-ray unit again.", taken=taken, here=here
        )
        return "bad", _("%(name)s: %(count)s, but %(short)s", name=name, count=count, short=short)
    if progress.complete:
        return "good", _("At %(name)s: all %(total)s confirmed", name=name, total=progress.total)
    if progress.parked:
        return "bad", f"{name}: {count}. {tr(progress.parked_message)} {tr(progress.parked_hint)}"
    if destination is not None and destination.trouble:
        trouble = destination.trouble
        if trouble.code in _LINE_DOWN:
            waits = _("No line at present; the rest goes by itself when it is back, STAT first.")
            return "busy", f"{name}: {count}. {waits}"
        return "bad", f"{name}: {count}. {tr(trouble.message)} {tr(trouble.hint)}"
    if destination is not None and destination.paused:
        return "busy", _("%(name)s is paused: %(count)s", name=name, count=count)
    if progress.sending:
        return "busy", _("On the way to %(name)s: %(count)s, one on the line", name=name, count=count)
    return "busy", _("On the way to %(name)s: %(count)s", name=name, count=count)


def evidence(by: str | None) -> str:
    """How the far side's word came, for the receipt."""
    return tr(_EVIDENCE.get(by or "", "confirmed"))


def not_yet(state: str | None) -> str:
    """Where a picture is that is not confirmed."""
    return tr(_NOT_YET.get(state or "", N_("not sent")))
