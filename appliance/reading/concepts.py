"""Codes of the light table's measurements: DICOM's and SNOMED's where they have one, else the box's own scheme."""

SCHEME = "99BUCKY"
CORNERSTONE = "Cornerstone3DTools@^0.1.0:"
"""Before the tool's name in tracking identifiers that Cornerstone's adapters read."""

CORNERSTONE_TOOLS = {
    "length": "Length",
    "calibration": "Length",
    "angle": "Angle",
    "cobb": "CobbAngle",
    "cervical-cobb": "CobbAngle",
    "lumbar-cobb": "CobbAngle",
    "hallux-valgus": "CobbAngle",
    "intermetatarsal": "CobbAngle",
    "ellipse": "EllipticalROI",
    "rectangle": "RectangleROI",
    "probe": "Probe",
    "arrow": "ArrowAnnotate",
}
"""Drawings whose points mean the same there; others have a tracking identifier of ours and are passed over."""

_KNOWN = {
    "length": ("410668003", "SCT", "Length"),
    "angle": ("1483009", "SCT", "Angle"),
    "cobb": ("285285000", "SCT", "Cobb angle"),
    "area": ("42798000", "SCT", "Area"),
    "mean": ("373098007", "SCT", "Mean"),
    "deviation": ("386136009", "SCT", "Standard Deviation"),
    "minimum": ("255605001", "SCT", "Minimum"),
    "maximum": ("56851009", "SCT", "Maximum"),
}

UNITS = {
    "mm": ("mm", "UCUM", "mm"),
    "px": ("{pixels}", "UCUM", "pixels"),
    "mm²": ("mm2", "UCUM", "mm2"),
    "px²": ("{pixels}2", "UCUM", "square pixels"),
    "°": ("deg", "UCUM", "deg"),
    "v": ("{vertebrae}", "UCUM", "vertebrae"),
    "%": ("%", "UCUM", "%"),
    "HU": ("[hnsf'U]", "UCUM", "Hounsfield unit"),
    "": ("1", "UCUM", "no units"),
}
UNIT_OF_CODE = {code: unit for unit, (code, _, _) in UNITS.items()}
KEY_OF_CODE = {(scheme, code): key for key, (code, scheme, _) in _KNOWN.items()}


def concept(key: str, name: str) -> tuple[str, str, str]:
    """Value, scheme and meaning of the concept of a value."""
    return _KNOWN.get(key) or own(key, name)


def own(code: str, meaning: str) -> tuple[str, str, str]:
    """A concept of the box's own scheme; code values have at most 16 characters (PS3.5 6.2, SH)."""
    return code[:16], SCHEME, meaning[:64] or code


def unit_code(unit: str) -> tuple[str, str, str]:
    """The UCUM code of a unit as the page writes it."""
    return UNITS.get(unit, UNITS[""])
