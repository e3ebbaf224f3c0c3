"""Many studies in an index, without files: what lists and queries are measured on."""

from pathlib import Path

from appliance.archive.blobs import Provenance
from appliance.archive.database import Database
from appliance.archive.index import add_instance
from appliance.dicom.record import INSTANCE_KEYWORDS, SERIES_KEYWORDS, STUDY_KEYWORDS, InstanceRecord

FAMILIES = 37  # 10,000 studies have 270 of each name
_FROM = Provenance("import", "bench", "", "2026-11-25T10:00:00.000000Z")
_AT_ONCE = 1000


def fill(data: Path, count: int, *, begin: int = 0) -> None:
    """Add studies of one instance each, up to so many, to the index of a box that was set up."""
    database = Database(data / "bucky.sqlite")
    for first in range(begin, count, _AT_ONCE):
        with database.write() as db:
            for number in range(first, min(count, first + _AT_ONCE)):
                add_instance(db, record(number), f"{number:064x}", 1000, _FROM)


def attributes(number: int) -> dict[str, str]:
    """What is searched for of one study, by keyword."""
    return {
        "PatientID": f"BENCH-{number:06d}",
        "PatientName": f"FAM{number % FAMILIES:02d}^Bello{number}",
        "ResponsiblePerson": f"OWNER{number // 2:06d}^Ann",
        "PatientSpeciesDescription": ("Canine", "Feline", "Equine")[number % 3],
        "StudyDate": f"20{10 + number % 15}{1 + number % 12:02d}{1 + number % 28:02d}",
        "AccessionNumber": f"A{number:07d}",
        "StudyInstanceUID": f"1.2.826.0.1.3680043.10.1.{number}",
        "SeriesInstanceUID": f"1.2.826.0.1.3680043.10.2.{number}",
        "SOPInstanceUID": f"1.2.826.0.1.3680043.10.3.{number}",
        "Modality": "CT" if number % 10 == 0 else "DX",
    }


def record(number: int) -> InstanceRecord:
    """The record of one study's instance."""
    known = attributes(number)
    columns = {name: known.get(keyword) for name, keyword in STUDY_KEYWORDS.items()}
    return InstanceRecord(
        study_instance_uid=known["StudyInstanceUID"],
        series_instance_uid=known["SeriesInstanceUID"],
        sop_instance_uid=known["SOPInstanceUID"],
        sop_class_uid="1.2.840.10008.5.1.4.1.1.1.1",
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        study=dict(columns),
        series={**dict.fromkeys(SERIES_KEYWORDS), "modality": known["Modality"]},
        instance=dict.fromkeys(INSTANCE_KEYWORDS),
        has_pixels=False,
    )
