"""What people of each language choose and type; the box keeps the standard's English words."""

import re
from collections.abc import Mapping
from dataclasses import replace

from appliance.dicom.vocabulary import PROTOCOLS, SPECIES, species_of, species_words
from appliance.reading.story import REGIONS
from appliance.reading.templates import CUSTOMARY, Template
from webui.languages import english, in_language, language, tr
from webui.words import story_age_typed

_FIGURE = re.compile(r"\d+,\d+")
_VIEWS = tuple(dict.fromkeys(view for protocol in PROTOCOLS for view in protocol.views))


def species_offered() -> list[str]:
    """What a form offers; anything else may be typed."""
    return species_words() if language() == "en" else sorted(map(tr, SPECIES))


def regions_offered() -> list[str]:
    """What a form offers; anything else may be typed."""
    return [tr(region) for region in REGIONS]


def species_typed(text: str) -> str:
    """The species that somebody typed, as the standard names it: 'dog' and 'Hund' are 'Canine'."""
    return species_of(english(text, SPECIES))


def typed(form: Mapping[str, str]) -> dict[str, str]:
    """A form with its species, region, age and weight in the box's own words."""
    found = {name: form[name] for name in form}
    if "species" in found:
        found["species"] = species_typed(found["species"])
    if "region" in found:
        found["region"] = english(found["region"], REGIONS)
    if "age" in found:
        found["age"] = story_age_typed(found["age"])
    if _FIGURE.fullmatch(found.get("weight", "")):
        found["weight"] = found["weight"].replace(",", ".")
    return found


def view_typed(text: str) -> str:
    """A view or a region, in the box's own words where it has them."""
    return english(text.strip(), (*_VIEWS, *REGIONS))


def views_typed(text: str) -> list[str]:
    """Views, one to a line."""
    return [view_typed(view) for view in text.splitlines()]


def exam_typed(name: str) -> str:
    """The name of an exam; a customary one in the box's own words."""
    return english(name, [protocol.name for protocol in PROTOCOLS])


def template_shown(template: Template, report_language: str) -> Template:
    """A customary template with its name as the reader says it and its texts as the reports are written."""
    if template.id is not None:
        return template
    return replace(
        template,
        name=tr(template.name),
        findings=in_language(report_language, template.findings),
        impression=in_language(report_language, template.impression),
        recommendation=in_language(report_language, template.recommendation),
    )


def template_typed(form: Mapping[str, str]) -> dict[str, str]:
    """The form of a template with name, species and region in the box's own words."""
    return typed(form) | {"name": english(form.get("name", ""), [template.name for template in CUSTOMARY])}
