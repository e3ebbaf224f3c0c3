"""Keeps drawings, views and key images in a study as new instances, and reads those that are there."""

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from appliance.archive.blobs import Provenance
from appliance.archive.catalogue import Catalogue, Instance
from appliance.archive.intake import Intake
from appliance.archive.part10 import take_dataset
from appliance.clock import stamp
from appliance.errors import BadInput
from appliance.reading.evidence import complete, read_header
from appliance.reading.marks import Drawing, Key, Marks, Presentation, ToKeep, View
from appliance.reading.measurements_read import drawings_of
from appliance.reading.presentation_read import label_of, views_of
from appliance.reading.sr_tree import referenced_uids

_KEY_OBJECTS = ("1.2.840.10008.5.1.4.1.1.88.59",)
_PRESENTATIONS = ("1.2.840.10008.5.1.4.1.1.11.1", "1.2.840.10008.5.1.4.1.1.11.2")
_OWN = "local"


def kept_views(catalogue: Catalogue, study_id: int) -> dict[int, View]:
    """How pictures of a study are shown since somebody kept it here, by the instance's row."""
    presentations = _Shelf(catalogue, study_id).presentations()
    return {view.picture: view for one in presentations if one.own for view in one.views}


@dataclass(frozen=True)
class StudyMarks:
    """The marks of one archive's studies; originals stay as they are."""

    catalogue: Catalogue
    intake: Intake

    def of(self, study_id: int) -> Marks:
        """All marks of a study: those kept here can be changed, others have an origin."""
        shelf = _Shelf(self.catalogue, study_id)
        return Marks(tuple(shelf.drawings()), tuple(shelf.presentations()), tuple(shelf.keys()))

    def keep(self, study_id: int, wanted: ToKeep, author: str) -> int:
        """Keep what is given as new instances and return how many; raises BadInput, DiskFull."""
        shelf = _Shelf(self.catalogue, study_id)
        made: list[Dataset] = []
        if wanted.drawings is not None:
            made += self._measurements(shelf, wanted.drawings, author)
        for number, view in enumerate(wanted.views or ()):
            made.append(self._view(shelf, view, author, number))
        if wanted.keys is not None:
            made.append(self._keys(shelf, wanted.keys, author))
        for ds in made:
            take_dataset(self.intake, ds, Provenance(_OWN, author, "", stamp()))
        return len(made)

    def _measurements(self, shelf: "_Shelf", drawings: Sequence[Drawing], author: str) -> list[Dataset]:
        from appliance.reading.measurements import measurements_sr  # highdicom only where something is kept

        before = shelf.own(shelf.measurements)
        if not drawings and not before:
            return []
        _check(drawings)
        previous = _read(before[-1]) if before else None
        pictures = {drawing.picture for drawing in drawings} or shelf.pictures_of(previous)
        report = measurements_sr(
            drawings,
            {picture: shelf.header(picture) for picture in sorted(pictures)},
            author=author,
            instance_number=len(before) + 1,
            series_instance_uid=_series(before),
            previous=previous,
        )
        return [report]

    def _view(self, shelf: "_Shelf", view: View, author: str, number: int) -> Dataset:
        from appliance.reading.presentation import presentation_state

        before = shelf.own(shelf.of_class(_PRESENTATIONS))
        return presentation_state(
            view,
            shelf.header(view.picture),
            author=author,
            instance_number=len(before) + number + 1,
            series_instance_uid=_series(before),
        )

    def _keys(self, shelf: "_Shelf", keys: Sequence[int], author: str) -> Dataset:
        from appliance.reading.key_images import key_object_selection

        if not keys:
            raise BadInput(field="Key images", reason="leave at least one picture marked")
        before = shelf.own(shelf.of_class(_KEY_OBJECTS))
        return key_object_selection(
            [shelf.header(picture) for picture in dict.fromkeys(keys)],
            author=author,
            instance_number=len(before) + 1,
            series_instance_uid=_series(before),
        )


class _Shelf:
    """One study's instances, and its mark objects in the order in which they came."""

    def __init__(self, catalogue: Catalogue, study_id: int) -> None:
        line = catalogue.line(catalogue.study(study_id))
        self._images = {image.id: image for image in line.images}
        self._pictures = {image.sop_instance_uid: image.id for image in line.images}
        self._others = sorted(line.others, key=lambda instance: instance.id)

    @property
    def measurements(self) -> list[Instance]:
        return [instance for instance in self._others if instance.is_measurements]

    def of_class(self, classes: Sequence[str]) -> list[Instance]:
        return [instance for instance in self._others if instance.sop_class_uid in classes]

    def own(self, instances: Iterable[Instance]) -> list[Instance]:
        return [instance for instance in instances if _origin(instance) == ""]

    def header(self, picture: int) -> Dataset:
        """The complete header of a picture of this study; raises BadInput for any other."""
        image = self._images.get(picture)
        if image is None:
            raise BadInput(field="Picture", reason="it is not one of this study")
        return complete(read_header(image.path))

    def pictures_of(self, ds: Dataset | None) -> set[int]:
        """The pictures that a report names."""
        named = referenced_uids(ds) if ds is not None else ()
        return {self._pictures[uid] for uid in named if uid in self._pictures} or set(list(self._images)[:1])

    def drawings(self) -> Iterable[Drawing]:
        """Of the reports that no later one replaces; a UID that comes again counts in its last report."""
        read = [(_origin(instance), _read(instance)) for instance in self.measurements]
        replaced = {uid for _, ds in read for uid in _predecessors(ds)}
        found: dict[str, Drawing] = {}
        for origin, ds in read:
            if ds.get("SOPInstanceUID") not in replaced:
                found.update((drawing.uid, drawing) for drawing in drawings_of(ds, self._pictures, origin))
        return found.values()

    def presentations(self) -> Iterable[Presentation]:
        """Newest first; of those kept here the last of each picture."""
        seen: set[int] = set()
        for instance in reversed(self.of_class(_PRESENTATIONS)):
            ds = _read(instance)
            own = _origin(instance) == ""
            views = tuple(view for view in views_of(ds, self._pictures) if not own or view.picture not in seen)
            if own:
                seen.update(view.picture for view in views)
            if views:
                yield Presentation(instance.id, label_of(ds), instance.sender_name, own, views)

    def keys(self) -> Iterable[Key]:
        """Of each maker's last document."""
        last = {instance.sender_name: instance for instance in self.of_class(_KEY_OBJECTS) if _origin(instance)}
        mine = self.own(self.of_class(_KEY_OBJECTS))[-1:]
        for instance in [*last.values(), *mine]:
            for uid in referenced_uids(_read(instance)):
                if uid in self._pictures:
                    yield Key(self._pictures[uid], _origin(instance))


def _origin(instance: Instance) -> str:
    """Empty for what was kept here, else who sent it."""
    return "" if instance.sender_kind == _OWN else instance.sender_name


def _series(before: Sequence[Instance]) -> str:
    """Later ones go into the series of the first."""
    return before[0].series_instance_uid if before else str(generate_uid())


def _predecessors(ds: Dataset) -> Iterable[str]:
    for study in ds.get("PredecessorDocumentsSequence") or []:
        for series in study.get("ReferencedSeriesSequence") or []:
            for reference in series.get("ReferencedSOPSequence") or []:
                yield str(reference.get("ReferencedSOPInstanceUID"))


def _check(drawings: Sequence[Drawing]) -> None:
    """A scale says its millimetres in its text; everything else is held by the types."""
    for drawing in drawings:
        if drawing.kind != "calibration":
            continue
        try:
            good = 0 < float(drawing.text) <= 10_000
        except ValueError:
            good = False
        if not good:
            raise BadInput(field="Marker", reason="its length in millimetres is missing")


def _read(instance: Instance) -> Dataset:
    """The whole object; an empty one where its file is not at hand."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return dcmread(instance.path)
        except FileNotFoundError:
            return Dataset()
