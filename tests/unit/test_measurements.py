"""Drawings, looks and key images as DICOM objects: nothing is lost on the way there and back."""

import copy
import hashlib
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from appliance.archive.blobs import Provenance
from appliance.archive.part10 import take_dataset
from appliance.clock import stamp
from appliance.errors import BadInput
from appliance.imaging.spacing import scale
from appliance.phantom.unit import write
from appliance.reading.concepts import UNITS
from appliance.reading.evidence import complete
from appliance.reading.key_images import key_object_selection
from appliance.reading.marks import Basis, Drawing, Graphic, ToKeep, Value, View, Window
from appliance.reading.measurements import measurements_sr
from appliance.reading.measurements_read import drawings_of
from appliance.reading.presentation import presentation_state
from appliance.reading.presentation_read import views_of
from appliance.reading.sr_tree import referenced_uids
from appliance.wiring import Box
from tests.orthanc import need
from tests.pictures import shared_files, small_study

DETECTOR = Basis("detector", "in the detector plane: the patient is smaller")
POINTS = {
    "length": 2,
    "angle": 3,
    "cobb": 4,
    "ellipse": 4,
    "rectangle": 4,
    "probe": 1,
    "arrow": 2,
    "text": 1,
    "vhs": 11,
}
VIEW = View(
    picture=1,
    frame=0,
    window=Window("SIGMOID", 1000.5, 600.0),
    invert=True,
    rotation=90,
    flipped=True,
    area=(10.0, 20.0, 200.0, 280.0),
    graphics=(Graphic(((1.0, 2.0), (3.0, 4.0))), Graphic(((5.0, 6.0),), "12° – Änderung")),
)


def drawing(kind: str, *, picture: int = 1, text: str = "", values: tuple[Value, ...] = ()) -> Drawing:
    """One of a kind with as many points as it has."""
    points = tuple((20.5 + 3 * n, 30.25 + 7 * n * n) for n in range(POINTS.get(kind, 4)))
    return Drawing(
        str(generate_uid()), kind, picture, 1, points, text, values, DETECTOR if values else Basis("none", "")
    )


def one_of_each() -> list[Drawing]:
    """Drawings of every kind of graphic."""
    length = (Value("length", "Length", 100 / 3, "mm"),)
    region = (
        Value("area", "Area", 2 / 3, "mm²"),
        Value("mean", "Mean", 5.5, ""),
        Value("minimum", "Minimum", -3.0, ""),
    )
    step = (Value("george-step", "Largest step", -1 / 7, "mm", "backward, vertebra 1 on 2"),)
    return [
        drawing("length", values=length),
        drawing("angle", values=(Value("angle", "Angle", 37.1, "°"),)),
        drawing("cobb", values=(Value("cobb", "Cobb angle", 35.0, "°"),)),
        drawing("ellipse", values=region),
        drawing("rectangle", values=region),
        drawing("probe", values=(Value("pixel", "Value", 771.0, "", "column 51, row 41"),)),
        drawing("arrow", text="12° – Änderung"),
        drawing("text", text="two words"),
        replace_text(drawing("length"), "25.4"),
        drawing("vhs", values=(Value("vhs", "VHS", 9.75, "v"), Value("vhs-long", "Long axis", 5.5, "v"))),
        drawing("george", values=step),
        drawing("lumbar-cobb", values=(Value("lumbar-cobb", "Lumbar lordosis, Cobb L1–S1", 40.0, "°"),)),
    ]


def replace_text(base: Drawing, millimetres: str) -> Drawing:
    """A scale of this many millimetres."""
    return Drawing(base.uid, "calibration", base.picture, base.frame, base.points, millimetres)


def _image() -> Dataset:
    (ds,) = small_study("cervical-spine")
    return ds


def report(drawings: list[Drawing], image: Dataset, previous: Dataset | None = None) -> Dataset:
    """A report of one picture, which is number 1."""
    return measurements_sr(
        drawings,
        {1: complete(image)},
        author="Ann Vet",
        instance_number=1,
        series_instance_uid=str(generate_uid()),
        previous=previous,
    )


def _written(ds: Dataset, folder: Path) -> Path:
    (path,) = write([ds], folder)
    return path


def test_drawings_come_back_as_they_were(tmp_path: Path) -> None:
    """Points, values to the last digit, units, words, notes and the basis."""
    image, drawings = _image(), one_of_each()
    back = list(drawings_of(dcmread(_written(report(drawings, image), tmp_path)), {image.SOPInstanceUID: 1}, ""))
    for was, now in zip(drawings, back, strict=True):
        assert now == was


@settings(max_examples=25, deadline=None)
@given(
    points=st.lists(st.tuples(*[st.floats(-50, 5000, width=32)] * 2), min_size=2, max_size=20),
    number=st.floats(-1e9, 1e9),
    unit=st.sampled_from(sorted(UNITS)),
    words=st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), max_size=60),
)
def test_any_drawing_comes_back(points: list[tuple[float, float]], number: float, unit: str, words: str) -> None:
    """Whatever was drawn, measured and written."""
    image = _image()
    value = Value("length", "Length", number, unit)
    was = Drawing("1.2.3", "george", 1, 1, tuple(points), words, (value,), DETECTOR)
    assert list(drawings_of(report([was], image), {image.SOPInstanceUID: 1}, "")) == [was]


@pytest.mark.parametrize("name", ["drawings", "none left", "look", "colour look", "key images"])
def test_objects_follow_their_iods(name: str, tmp_path: Path) -> None:
    """dciodvfy finds no error; dsrdump reads the reports."""
    need("dciodvfy")
    image = complete(_image())
    colour = complete(_image())
    colour.SamplesPerPixel, colour.PhotometricInterpretation = 3, "RGB"
    common = {"author": "Ann Vet", "instance_number": 1, "series_instance_uid": str(generate_uid())}
    objects = {
        "drawings": lambda: report(one_of_each(), image),
        "none left": lambda: report([], image, report(one_of_each(), image)),
        "look": lambda: presentation_state(VIEW, image, **common),
        "colour look": lambda: presentation_state(VIEW, colour, **common),
        "key images": lambda: key_object_selection([image], **common),
    }
    path = _written(objects[name](), tmp_path)
    done = subprocess.run([shutil.which("dciodvfy") or "", str(path)], capture_output=True, text=True, check=False)
    assert "Error" not in done.stderr, done.stderr
    assert dcmread(path).SpecificCharacterSet == "ISO_IR 192"
    if "look" not in name:
        subprocess.run([shutil.which("dsrdump") or "", str(path)], capture_output=True, check=True)


def test_a_look_comes_back_as_it_was(tmp_path: Path) -> None:
    """Window, polarity, turn, flip, shown part, lines and words."""
    image = _image()
    state = presentation_state(VIEW, complete(image), author="Ann", instance_number=1, series_instance_uid="1.2.3")
    assert list(views_of(dcmread(_written(state, tmp_path)), {image.SOPInstanceUID: 1})) == [VIEW]


def test_key_images_come_back() -> None:
    """In the order in which they were marked."""
    images = [complete(ds) for ds in small_study()]
    document = key_object_selection(images, author="Ann", instance_number=1, series_instance_uid="1.2.3")
    assert list(referenced_uids(document)) == [image.SOPInstanceUID for image in images]


def test_marks_are_kept_as_new_instances_beside_untouched_originals(box: Box) -> None:
    """A second save replaces what was drawn; the first stays in the archive."""
    take_dataset(box.intake, _image(), Provenance("import", "import", "", stamp()))
    (original,) = box.catalogue.line(box.catalogue.study(1)).images
    digest = hashlib.sha256(original.path.read_bytes()).digest()
    first = one_of_each()
    assert box.study_marks.keep(1, ToKeep(drawings=tuple(first), views=(VIEW,), keys=(1,)), "ann") == 3
    marks = box.study_marks.of(1)
    assert list(marks.drawings) == first
    assert [(p.own, p.by, p.views) for p in marks.presentations] == [(True, "ann", (VIEW,))]
    assert [(key.picture, key.by) for key in marks.keys] == [(1, "")]
    box.study_marks.keep(1, ToKeep(drawings=tuple(first[:2])), "bob")
    assert list(box.study_marks.of(1).drawings) == first[:2]
    box.study_marks.keep(1, ToKeep(drawings=()), "bob")
    assert box.study_marks.of(1).drawings == ()
    line = box.catalogue.line(box.catalogue.study(1))
    assert len(line.others) == 5
    assert line.reports == ()
    assert hashlib.sha256(original.path.read_bytes()).digest() == digest


def test_measurements_alone_do_not_make_a_case_read(box: Box) -> None:
    """They are no report."""
    take_dataset(box.intake, _image(), Provenance("dicomweb", "clinic", "", stamp()))
    box.study_marks.keep(1, ToKeep(drawings=tuple(one_of_each())), "ann")
    assert not box.cases.open()[0].is_read


def test_what_was_kept_goes_to_the_reader_with_the_study(box: Box) -> None:
    """New instances of a study that was sent are queued for where it went."""
    take_dataset(box.intake, _image(), Provenance("import", "import", "", stamp()))
    box.destinations.add("reader", "http://127.0.0.1:9/dicom-web", token=None, auto=True)
    (destination,) = box.destinations.all()
    box.queue.route_new()
    box.study_marks.keep(1, ToKeep(drawings=tuple(one_of_each()), views=(VIEW,), keys=(1,)), "ann")
    box.queue.route_new()
    assert box.queue.waiting_count(destination.id) == 4


def test_marks_of_a_reader_are_shown_as_theirs(box: Box) -> None:
    """With an origin, and they are not replaced when the clinic saves its own."""
    image = _image()
    take_dataset(box.intake, image, Provenance("import", "import", "", stamp()))
    theirs = report([drawing("length", values=(Value("length", "Length", 1.0, "mm"),))], image)
    look = presentation_state(VIEW, complete(image), author="Far", instance_number=1, series_instance_uid="1.2.4")
    for ds in (theirs, look):
        take_dataset(box.intake, ds, Provenance("result", "Far Readers", "", stamp()))
    box.study_marks.keep(1, ToKeep(drawings=(drawing("cobb"),)), "ann")
    marks = box.study_marks.of(1)
    assert {(d.kind, d.origin) for d in marks.drawings} == {("length", "Far Readers"), ("cobb", "")}
    assert [(p.own, p.by) for p in marks.presentations] == [(False, "Far Readers")]


def test_what_cannot_be_kept_is_refused(box: Box) -> None:
    """A picture of another study, a scale without length, no key image at all; nothing is stored then."""
    take_dataset(box.intake, _image(), Provenance("import", "import", "", stamp()))
    bad = (
        ToKeep(drawings=(drawing("length", picture=99),)),
        ToKeep(drawings=(replace_text(drawing("length"), "x"),)),
        ToKeep(keys=()),
        ToKeep(drawings=(drawing("length"),), keys=(99,)),
    )
    for wanted in bad:
        with pytest.raises(BadInput):
            box.study_marks.keep(1, wanted, "ann")
    assert box.catalogue.line(box.catalogue.study(1)).others == ()


def test_marks_of_real_objects_never_raise() -> None:
    """Whatever the reports and presentation states of the field hold."""
    documents = [path for path in shared_files() if "08_sr_pr_ko_docs" in str(path)]
    for path in [Path(get_testdata_file("test-SR.dcm")), *documents]:
        ds = dcmread(path, force=True)
        pictures = dict.fromkeys(referenced_uids(ds), 1)
        drawings, views = list(drawings_of(ds, pictures, "x")), list(views_of(ds, pictures))
        assert pictures or not (drawings or views), f"{path.name}: marks of pictures that it does not name"


def _spaced(**attributes: object) -> Dataset:
    ds = Dataset()
    for keyword, value in {"Modality": "DX", **attributes}.items():
        setattr(ds, keyword, value)
    return ds


@pytest.mark.parametrize(
    ("header", "basis", "column_mm"),
    [
        (_spaced(PixelSpacing=[0.4, 0.2], PixelSpacingCalibrationType="GEOMETRY"), "patient", 0.2),
        (_spaced(PixelSpacing=[0.1, 0.1], ImagerPixelSpacing=[0.14, 0.14]), "patient", 0.1),
        (_spaced(PixelSpacing=[0.14, 0.14], ImagerPixelSpacing=[0.14, 0.14]), "detector", 0.14),
        (_spaced(ImagerPixelSpacing=[0.15, 0.15], EstimatedRadiographicMagnificationFactor="1.5"), "estimated", 0.1),
        (_spaced(ImagerPixelSpacing=[0.15, 0.15]), "detector", 0.15),
        (_spaced(PixelSpacing=[0.1, 0.1]), "detector", 0.1),
        (_spaced(PixelSpacing=[0.5, 0.5], Modality="CT"), "patient", 0.5),
        (_spaced(NominalScannedPixelSpacing=[0.2, 0.2]), "detector", 0.2),
    ],
)
def test_the_basis_of_millimetres(header: Dataset, basis: str, column_mm: float) -> None:
    """PS3.3 10.7: calibrated at the patient, estimated, or at the detector."""
    spacing = scale(header, 1)["spacing"]
    assert (spacing["basis"], spacing["column_mm"]) == (basis, pytest.approx(column_mm))


@pytest.mark.parametrize("bad", [{}, {"PixelSpacing": [0, 0]}, {"PixelSpacing": [0.1]}, {"PixelSpacing": [1e9, 1]}])
def test_there_are_no_millimetres_without_a_basis(bad: dict[str, object]) -> None:
    """Nor from nonsense."""
    assert scale(_spaced(**bad), 1) == {}


def test_ultrasound_regions_have_scales_of_their_own() -> None:
    """Only those whose both axes are centimetres; the far edge belongs to the region."""
    region = _spaced(
        RegionLocationMinX0=10, RegionLocationMinY0=20, RegionLocationMaxX1=99, RegionLocationMaxY1=199,
        PhysicalUnitsXDirection=3, PhysicalUnitsYDirection=3, PhysicalDeltaX=0.01, PhysicalDeltaY=-0.02,
    )  # fmt: skip
    trace = copy.deepcopy(region)
    trace.PhysicalUnitsXDirection = 4
    found = scale(_spaced(SequenceOfUltrasoundRegions=[region, trace], Modality="US"), 1)["regions"]
    assert found == [{"x0": 10, "y0": 20, "x1": 100, "y1": 200, "column_mm": 0.1, "row_mm": 0.2}]


def test_enhanced_images_have_a_scale_for_each_frame() -> None:
    """From the frame's own functional group, else the shared one."""

    def group(spacing: list[float] | None) -> Dataset:
        ds = Dataset()
        if spacing:
            ds.PixelMeasuresSequence = [_spaced(PixelSpacing=spacing)]
        return ds

    header = _spaced(
        Modality="MR",
        SharedFunctionalGroupsSequence=[group([2, 2])],
        PerFrameFunctionalGroupsSequence=[group(None), group([3, 3])],
    )
    assert [scale(header, number)["spacing"]["row_mm"] for number in (1, 2)] == [2, 3]
    assert np.isclose(scale(header, 2)["spacing"]["column_mm"], 3)
