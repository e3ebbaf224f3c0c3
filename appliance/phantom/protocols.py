"""The exams that the phantom unit knows: views, their codes and how they are exposed."""

from dataclasses import dataclass

from appliance.dicom.vocabulary import Code
from appliance.phantom.patient import DOG, PERSON, PhantomPatient

RIGHT_LATERAL = Code("399198007", "SCT", "right lateral")  # CID 4010 and 7484
LEFT_LATERAL = Code("399173006", "SCT", "left lateral")
VENTRO_DORSAL = Code("442441009", "SCT", "Ventro-dorsal")  # CID 7484
RECUMBENT = Code("102538003", "SCT", "recumbent")  # CID 19
ERECT = Code("C86043", "NCIt", "erect")
RIGHT_DECUBITUS = Code("102535000", "SCT", "right lateral decubitus")  # CID 20
LEFT_DECUBITUS = Code("102536004", "SCT", "left lateral decubitus")
SUPINE = Code("40199007", "SCT", "supine")
CHEST = Code("816094009", "SCT", "Chest")  # CID 4009 and 7483
CERVICAL_SPINE = Code("122494005", "SCT", "Cervical spine")


@dataclass(frozen=True)
class View:
    """One exposure: the picture taken, View Position, Patient Orientation of rows and columns, codes, technique."""

    picture: str
    position: str
    orientation: tuple[str, str]
    code: Code
    posture: tuple[Code, ...]
    description: str
    kvp: str
    exposure_mas: int
    thickness_mm: str


@dataclass(frozen=True)
class Protocol:
    """An exam: what is imaged, its views in order, whose it is unless told otherwise."""

    body_part: str
    region: Code
    description: str
    patient: PhantomPatient
    views: tuple[View, ...]


_THORAX = (
    View(
        "thorax-rl",
        "RL",
        ("CD", "V"),
        RIGHT_LATERAL,
        (RECUMBENT, RIGHT_DECUBITUS),
        "Thorax right lateral",
        "75",
        4,
        "165",
    ),
    View(
        "thorax-ll", "LL", ("CD", "V"), LEFT_LATERAL, (RECUMBENT, LEFT_DECUBITUS), "Thorax left lateral", "75", 4, "165"
    ),
    View("thorax-vd", "VD", ("LE", "CD"), VENTRO_DORSAL, (RECUMBENT, SUPINE), "Thorax ventrodorsal", "80", 5, "180"),
)
_NECK = (View("neck-lateral", "LL", ("P", "F"), LEFT_LATERAL, (ERECT,), "Cervical spine lateral", "70", 16, "110"),)

PROTOCOLS = {
    "canine-thorax": Protocol("CHEST", CHEST, "Thorax 3 views", DOG, _THORAX),
    "cervical-spine": Protocol("CSPINE", CERVICAL_SPINE, "Cervical spine lateral", PERSON, _NECK),
}
