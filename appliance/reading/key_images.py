"""Key images as a key object selection document (PS3.3 A.35.4)."""

from collections.abc import Sequence

from highdicom.ko import KeyObjectSelection, KeyObjectSelectionDocument
from highdicom.sr import ObserverContext, PersonObserverIdentifyingAttributes
from highdicom.sr.coding import CodedConcept
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from appliance import __version__
from appliance.reading.measurements import person_name
from appliance.reading.report import same_study

SERIES_NUMBER = 9004
OF_INTEREST = CodedConcept("113000", "DCM", "Of Interest")


def key_object_selection(
    images: Sequence[Dataset], *, author: str, instance_number: int, series_instance_uid: str
) -> Dataset:
    """The document that names these pictures; `images` are complete headers, at least one."""
    observer = ObserverContext(
        observer_type=CodedConcept("121006", "DCM", "Person"),
        observer_identifying_attributes=PersonObserverIdentifyingAttributes(name=person_name(author)),
    )
    ds: Dataset = KeyObjectSelectionDocument(
        evidence=list(images),
        content=KeyObjectSelection(OF_INTEREST, list(images), observer_person_context=observer),
        series_instance_uid=series_instance_uid,
        series_number=SERIES_NUMBER,
        sop_instance_uid=generate_uid(),
        instance_number=instance_number,
        manufacturer="Bucky",
    )
    for element in same_study(images[0]):
        ds[element.tag] = element
    ds.SeriesDescription = "Key images"
    ds.ManufacturerModelName = "Bucky light table"
    ds.SoftwareVersions = __version__
    return ds
