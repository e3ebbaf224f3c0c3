"""How the phantom of the morning rehearsal is told from a patient."""

from pydicom.dataset import Dataset

REHEARSAL_AE = "BUCKY-REHEARSAL"
"""The AE title of the simulated X-ray unit."""
PHANTOM_ID = "BUCKY-REHEARSAL"
"""The phantom's Patient ID; no list of patients holds it."""
PHANTOM_NAME = "BUCKY^REHEARSAL"


def is_phantom(ds: Dataset) -> bool:
    """Whether the subject is the phantom: its ID, and Quality Control Subject (0010,0200) as PS3.3 C.7.1.1 has it."""
    return bool(ds.get("PatientID") == PHANTOM_ID and ds.get("QualityControlSubject") == "YES")
