"""Moves pictures to the right patient: corrected copies in a study of their own, the originals kept and set aside."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian

from appliance.archive.blobs import Provenance
from appliance.archive.catalogue import Catalogue
from appliance.archive.copies import Copies
from appliance.archive.index import Receipt
from appliance.archive.intake import Intake
from appliance.archive.part10 import take_dataset
from appliance.archive.set_aside import SetAside, valid_reason
from appliance.clock import stamp
from appliance.dicom.correct import Correction
from appliance.dicom.rewrite import read_whole
from appliance.errors import BadInput


class Corrections:
    """Corrects what was taken under the wrong patient."""

    def __init__(self, catalogue: Catalogue, copies: Copies, intake: Intake, removals: SetAside) -> None:
        self._copies = copies
        self._catalogue = catalogue
        self._intake = intake
        self._removals = removals

    def correct(
        self, study_id: int, instance_ids: Sequence[int], patient: Mapping[str, str | None], *, reason: str, by: str
    ) -> int:
        """Move pictures of a study to a patient; returns the row of their new study. Raises BadInput, NotDicom."""
        moving = [i for i in self._catalogue.instances(study_id) if i.id in set(instance_ids)]
        if not moving:
            raise BadInput(field="Pictures", reason="choose at least one")
        if not patient.get("patient_name"):
            raise BadInput(field="Patient", reason="a name is needed")
        reason = valid_reason(reason)
        correction = Correction(patient, [i.sop_instance_uid for i in moving], at=datetime.now().astimezone())
        copies: list[Receipt] = []
        try:
            for instance in moving:
                provenance = Provenance("local", "correction", "", stamp())
                ds = _read(self._copies.get(instance.dataset_sha256).path)  # as the rules of its unit have it
                copies.append(take_dataset(self._intake, correction.copy(ds), provenance))
        finally:
            made = [copy.instance_id for copy in copies]
            if len(made) == len(moving):
                self._removals.replace(study_id, [i.id for i in moving], made, reason=reason, by=by)
            elif made:  # half a correction is none
                first = self._catalogue.study_by_uid(copies[0].study_instance_uid)
                self._removals.delete_study(first.id, reason="the correction failed", by="box")
        return self._catalogue.study_by_uid(copies[0].study_instance_uid).id


def _read(path: Path) -> Dataset:
    """The stored data set, in little endian whatever it came in."""
    ds = read_whole(path)
    if ds.file_meta.TransferSyntaxUID == ExplicitVRBigEndian:
        if "PixelData" in ds and ds.BitsAllocated == 16:
            swapped = bytearray(ds.PixelData)
            swapped[0::2], swapped[1::2] = ds.PixelData[1::2], ds.PixelData[0::2]
            ds.PixelData = bytes(swapped)
        ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return ds
