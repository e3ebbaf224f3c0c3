"""Rules for odd units: what is put right of their data sets, in the index and in copies that leave; never in originals.

The same function works on the few elements that the index reads and on a whole data set, so that both always agree.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

from pydicom.charset import convert_encodings
from pydicom.datadict import dictionary_keyword, dictionary_VR
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

from appliance.clock import now
from appliance.dicom.uids import derived_uid, replaced_uid
from appliance.errors import BadInput
from appliance.validators import valid_uid

# PS3.3 C.12.1.1.2: defined terms -> how staff say it
CHARACTER_SETS = {
    "ISO_IR 192": "Unicode (UTF-8)",
    "ISO_IR 100": "Western European (Latin-1)",
    "ISO_IR 101": "Central European (Latin-2)",
    "ISO_IR 144": "Cyrillic",
    "ISO_IR 126": "Greek",
    "ISO_IR 148": "Turkish",
    "ISO_IR 138": "Hebrew",
    "ISO_IR 127": "Arabic",
    "ISO_IR 166": "Thai",
    "ISO_IR 13": "Japanese (JIS X 0201)",
    "\\ISO 2022 IR 87": "Japanese (ISO 2022)",
    "\\ISO 2022 IR 149": "Korean (ISO 2022)",
    "GB18030": "Chinese (GB18030)",
    "GBK": "Chinese (GBK)",
}
NAME_ORDERS = {"owner-first": "owner, then animal", "animal-first": "animal, then owner"}
TURNS = {0: "as it comes", 90: "a quarter to the right", 180: "upside down", 270: "a quarter to the left"}
REPAIRS = {
    "character-set": "Its text is read in the character set that is set for this unit.",
    "name": "The patient's name was split into owner and animal.",
    "identifiers": "Missing or invalid numbers were put right.",
    "orientation": "The picture was turned or mirrored.",
}
"""Codes of what may have been done, in words for staff."""

# A slice of a volume knows where it lies; only projections are turned
_PROJECTIONS = frozenset({"CR", "DX", "DR", "RG", "RF", "XA", "MG", "IO", "PX", "OT"})
_SEPARATORS = re.compile(r"\s*[,;/|(]\s*|\s+-\s+|\s+")
_SPACINGS = ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing", "PixelAspectRatio")
# PS3.3 C.7.6.1.1.1, of people and of animals on four legs
_OPPOSITE = {"L": "R", "R": "L", "A": "P", "P": "A", "H": "F", "F": "H"}
_OPPOSITE_QUADRUPED = {
    "LE": "RT",
    "RT": "LE",
    "D": "V",
    "V": "D",
    "CR": "CD",
    "CD": "CR",
    "R": "CD",
    "M": "L",
    "L": "M",
    "DI": "PR",
    "PR": "DI",
    "PA": "D",
    "PL": "D",
}
_WORD = re.compile("LE|RT|CR|CD|DI|PR|PA|PL|[A-Z]")


@dataclass(frozen=True)
class Rules:
    """What is known to be wrong with a unit; the default changes nothing."""

    character_set: str = ""
    """In which its text is, whatever it says; '' believes the unit."""
    name_order: str = ""
    """A key of NAME_ORDERS when it writes owner and animal into one name."""
    identifiers: bool = False
    """Whether missing and invalid identifiers are replaced."""
    turn: int = 0
    """Degrees clockwise, a key of TURNS."""
    mirror: bool = False
    """Whether left and right are swapped, after the turn."""

    def __bool__(self) -> bool:
        return self != Rules()

    @property
    def turns(self) -> bool:
        """Whether pixels change their places."""
        return bool(self.turn or self.mirror)

    def to_json(self) -> str:
        """As it is kept; only what differs from the default."""
        default = asdict(Rules())
        return json.dumps({key: value for key, value in asdict(self).items() if value != default[key]})

    @property
    def digest(self) -> str:
        """A short name of these rules, for files made by them."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:12]

    @classmethod
    def from_json(cls, text: str | None) -> "Rules":
        """As it was kept."""
        return cls(**json.loads(text or "{}"))

    @classmethod
    def given(cls, form: Mapping[str, str]) -> "Rules":
        """What a person entered; raises BadInput with what is allowed."""
        character_set, name_order = form.get("character_set", ""), form.get("name_order", "")
        turn = form.get("turn") or "0"
        if character_set and character_set not in CHARACTER_SETS:
            raise BadInput(field="Character set", reason=f"allowed: {', '.join(CHARACTER_SETS)}")
        if name_order and name_order not in NAME_ORDERS:
            raise BadInput(field="Name", reason=f"allowed: {', '.join(NAME_ORDERS)}")
        if turn not in {str(degrees) for degrees in TURNS}:
            raise BadInput(field="Turn", reason=f"allowed: {', '.join(map(str, TURNS))} degrees")
        return cls(character_set, name_order, bool(form.get("identifiers")), int(turn), bool(form.get("mirror")))


@dataclass(frozen=True)
class Change:
    """One attribute before and after; `code` is a key of REPAIRS."""

    code: str
    keyword: str
    before: object
    after: object


def repair(ds: Dataset, rules: Rules, *, sop_instance_uid: str = "") -> list[Change]:
    """Put a data set right in place; `sop_instance_uid` is what the sender said of it beside the data set.

    Orientation here is what the header says of the pixels; turning them is for who has them.
    """
    changes: list[Change] = []
    if rules.character_set:
        changes += _assume(ds, rules.character_set)
    if rules.name_order:
        changes += _split_name(ds, rules.name_order)
    if rules.identifiers:
        changes += _identify(ds, sop_instance_uid)
    if rules.turns and can_turn(ds):
        changes += _turn(ds, rules)
    return changes


def can_turn(ds: Dataset) -> bool:
    """Whether it is a projection with pixels."""
    return ds.get("Rows") is not None and str(ds.get("Modality") or "") in _PROJECTIONS


def note_originals(ds: Dataset, changes: list[Change], *, system: str) -> None:
    """Say in the copy what was changed, and what it was (Original Attributes Sequence, PS3.3 C.12.1.1.9)."""
    modified = Dataset()
    for change in changes:
        if change.keyword != "SpecificCharacterSet":  # an item would be read in it
            setattr(modified, change.keyword, change.before)
    item = Dataset()
    item.ModifiedAttributesSequence = [modified] if len(modified) else []
    item.AttributeModificationDateTime = now().strftime("%Y%m%d%H%M%S.%f+0000")
    item.ModifyingSystem = system
    item.SourceOfPreviousValues = ""
    item.ReasonForTheAttributeModification = "CORRECT"
    ds.OriginalAttributesSequence = [*(ds.get("OriginalAttributesSequence") or []), item]


# --- character set ---


def _assume(ds: Dataset, character_set: str) -> list[Change]:
    """Read all text in this set; the bytes stay as they are."""
    before = ds.get("SpecificCharacterSet")
    names = character_set.split("\\")
    _read_in(ds, convert_encodings(names))
    ds.SpecificCharacterSet = names if len(names) > 1 else names[0]
    said = "\\".join(before) if isinstance(before, list) or hasattr(before, "append") else (before or "")
    return [] if said == character_set else [Change("character-set", "SpecificCharacterSet", said, character_set)]


def _read_in(ds: Dataset, encodings: list[str]) -> None:
    implicit, little = ds.original_encoding
    ds.set_original_encoding(implicit, little, encodings)
    for tag in list(ds.keys()):
        value = ds.get_item(tag).value
        if not isinstance(value, str | bytes) and ds.get_item(tag).VR == "SQ":
            for item in value or []:  # what pydicom has read already
                item.pop("SpecificCharacterSet", None)
                _read_in(item, encodings)


# --- name ---


def _split_name(ds: Dataset, order: str) -> list[Change]:
    """'Owner^Animal' as in PS3.3 C.7.1.1 for animals, and the owner as the responsible person."""
    before = str(ds.get("PatientName") or "")
    pairs = [split_name(group, order) for group in before.split("=")]
    if not any(pairs):
        return []
    changes = []
    after = "=".join("^".join(pair) if pair else group for pair, group in zip(pairs, before.split("="), strict=True))
    if after != before:
        changes.append(Change("name", "PatientName", before, after))
    if not str(ds.get("ResponsiblePerson") or ""):
        owner = "=".join(pair[0] if pair else "" for pair in pairs).rstrip("=")
        changes.append(Change("name", "ResponsiblePerson", "", owner))
        changes.append(Change("name", "ResponsiblePersonRole", str(ds.get("ResponsiblePersonRole") or ""), "OWNER"))
    return _made(ds, changes)


def split_name(name: str, order: str) -> tuple[str, str] | None:
    """Owner and animal of one name as a unit wrote it; None where there is only one word."""
    parts = [part.strip(" )") for part in name.split("^") if part.strip(" )")]
    if len(parts) < 2:
        parts = [part.strip(" )") for part in _SEPARATORS.split(name.replace("^", " ").strip(), maxsplit=1)]
    if len(parts) < 2 or not parts[0] or not parts[1]:
        return None
    first, second = parts[0], parts[1]
    return (first, second) if order == "owner-first" else (second, first)


# --- identifiers ---


def _identify(ds: Dataset, sop_instance_uid: str) -> list[Change]:
    changes = list(_valid_uids(ds))
    changes += _made(ds, list(_missing(ds, sop_instance_uid)))
    return changes


def _valid_uids(ds: Dataset) -> Iterator[Change]:
    """Invalid UIDs of instances, replaced wherever they are named, so that references go on leading somewhere."""
    for tag in list(ds.keys()):
        vr, keyword = _vr(ds, tag), dictionary_keyword(tag) if _is_known(tag) else ""
        if vr == "SQ":
            for item in ds[tag].value or []:
                for _ in _valid_uids(item):
                    pass
        elif vr == "UI" and (keyword.endswith("InstanceUID") or keyword == "FrameOfReferenceUID"):
            before = str(ds[tag].value or "").strip()
            if before and not _is_valid(before):
                ds[tag].value = replaced_uid(before)
                yield Change("identifiers", keyword, before, ds[tag].value)


def _missing(ds: Dataset, sop_instance_uid: str) -> Iterator[Change]:
    """Made of what else is known, so that pictures of one visit stay together."""

    def said(*keywords: str) -> str:
        return "|".join(str(ds.get(keyword) or "").strip() for keyword in keywords)

    who = said("PatientID", "PatientName", "PatientBirthDate")
    if not said("PatientID") and said("PatientName"):
        digest = hashlib.sha256(who.encode()).hexdigest()[:10].upper()
        yield Change("identifiers", "PatientID", "", f"BUCKY-{digest}")
    beside = sop_instance_uid if _is_valid(sop_instance_uid) else replaced_uid(sop_instance_uid)
    own = said("SOPInstanceUID") or beside
    if not said("SOPInstanceUID"):
        yield Change("identifiers", "SOPInstanceUID", "", own)
    study = said("StudyInstanceUID")
    if not study:
        visit = said("StudyDate", "StudyID", "AccessionNumber")
        study = derived_uid("study", f"{who}|{visit}" if visit.strip("|") and who.strip("|") else own)
        yield Change("identifiers", "StudyInstanceUID", "", study)
    if not said("SeriesInstanceUID"):
        series = derived_uid("series", f"{study}|{said('SeriesNumber', 'Modality')}")
        yield Change("identifiers", "SeriesInstanceUID", "", series)


def _vr(ds: Dataset, tag: BaseTag) -> str:
    return ds.get_item(tag).VR or (dictionary_VR(tag) if _is_known(tag) else "UN")


def _is_known(tag: BaseTag) -> bool:
    try:
        return bool(dictionary_keyword(tag))
    except KeyError:
        return False


def _is_valid(uid: str) -> bool:
    try:
        return bool(valid_uid(uid))
    except ValueError:
        return False


# --- orientation ---


def _turn(ds: Dataset, rules: Rules) -> list[Change]:
    changes = []
    if rules.turn in (90, 270):
        changes += [Change("orientation", "Rows", ds.Rows, ds.Columns)]
        changes += [Change("orientation", "Columns", ds.Columns, ds.Rows)]
        for keyword in _SPACINGS:
            if (value := ds.get(keyword)) and len(value) == 2:
                changes.append(Change("orientation", keyword, list(value), [value[1], value[0]]))
    row_column = [str(word) for word in ds.get("PatientOrientation") or []]
    after = turned_orientation(row_column, rules, opposites(ds)) if len(row_column) == 2 else row_column
    if after != row_column or not changes:
        changes.append(Change("orientation", "PatientOrientation", row_column, after))
    return _made(ds, changes)


def opposites(ds: Dataset) -> Mapping[str, str]:
    """Directions and what lies the other way (PS3.3 C.7.6.1.1.1), of people or of animals on four legs."""
    return _OPPOSITE_QUADRUPED if ds.get("AnatomicalOrientationType") == "QUADRUPED" else _OPPOSITE


def direction(words: str) -> str:
    """The main direction of an orientation: 'L' of 'LPH', 'RT' of 'RTD'; empty if there is none."""
    found = _WORD.match(words)
    return found.group() if found else ""


def turned_orientation(row_column: list[str], rules: Rules, opposite: Mapping[str, str] = _OPPOSITE) -> list[str]:
    """Directions of rows and columns (PS3.3 C.7.6.1.1.1) after a turn and a mirroring."""

    def turned_round(words: str) -> str:
        return "".join(opposite.get(word, word) for word in _WORD.findall(words))

    row, column = row_column
    for _ in range(rules.turn // 90):
        row, column = turned_round(column), row
    return [turned_round(row) if rules.mirror else row, column]


def _made(ds: Dataset, changes: list[Change]) -> list[Change]:
    for change in changes:
        setattr(ds, change.keyword, change.after)
    return changes
