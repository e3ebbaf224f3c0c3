"""Species and regions as people of each language write them; the box keeps the standard's English words."""

from collections.abc import Mapping

from appliance.dicom.vocabulary import SPECIES, species_of, species_words
from appliance.reading.story import REGIONS
from webui.languages import english, language, tr


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
    """A form with its species and region in the box's own words."""
    found = {name: form[name] for name in form}
    if "species" in found:
        found["species"] = species_typed(found["species"])
    if "region" in found:
        found["region"] = english(found["region"], REGIONS)
    return found
