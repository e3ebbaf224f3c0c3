"""Cornerstone's own adapters read the box's measurements as their tools' annotations."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from pydicom.uid import generate_uid

from appliance.phantom.unit import write
from appliance.reading.evidence import complete
from appliance.reading.measurements import measurements_sr
from tests.pictures import small_study
from tests.unit.test_measurements import one_of_each
from webui.viewer.build import npm_command

SOURCE = Path(__file__).parent / "cornerstone"
BUILD = Path(__file__).parents[2] / "build" / "cornerstone"
HALF_PIXEL = 0.5
"""Cornerstone counts from the centre of the first pixel, SCOORD from its corner."""


@pytest.fixture(scope="module")
def reader() -> list[str]:
    """The command that reads a report; installed once, as locked, into the build folder."""
    BUILD.mkdir(parents=True, exist_ok=True)
    lock, installed = BUILD / "package-lock.json", BUILD / "node_modules" / ".package-lock.json"  # written at the end
    same = lock.exists() and lock.read_bytes() == (SOURCE / lock.name).read_bytes()
    for path in SOURCE.iterdir():
        shutil.copy(path, BUILD / path.name)
    npm, environment = npm_command()
    if not (same and installed.exists()):
        subprocess.run([*npm, "ci", "--ignore-scripts", "--silent"], cwd=BUILD, env=environment, check=True)
    node = npm[0] if len(npm) > 1 else "node"
    return [node, str(BUILD / "read.mjs")]


def _read(reader: list[str], path: Path, sop_instance_uid: str) -> dict[str, dict[str, Any]]:
    done = subprocess.run(
        [*reader, str(path), sop_instance_uid], capture_output=True, text=True, timeout=120, check=True
    )
    return {made["uid"]: made for made in json.loads(done.stdout)}


def test_cornerstone_shows_the_measurements(reader: list[str], tmp_path: Path) -> None:
    """Tools, points, values and words; what it has no tool for is passed over."""
    (image,) = small_study("cervical-spine")
    drawings = {drawing.kind: drawing for drawing in one_of_each()}
    report = measurements_sr(
        list(drawings.values()),
        {1: complete(image)},
        author="Ann Vet",
        instance_number=1,
        series_instance_uid=str(generate_uid()),
        previous=None,
    )
    (path,) = write([report], tmp_path)
    made = _read(reader, path, image.SOPInstanceUID)
    tools = {
        "length": ("Length", {"length": 100 / 3, "unit": "mm"}),
        "calibration": ("Length", {"length": 25.4}),
        "angle": ("Angle", {"angle": 37.1}),
        "cobb": ("CobbAngle", {"angle": 35.0}),
        "lumbar-cobb": ("CobbAngle", {"angle": 40.0}),
        "ellipse": ("EllipticalROI", {"area": 2 / 3, "mean": 5.5}),
        "rectangle": ("RectangleROI", {"area": 2 / 3, "mean": 5.5}),
        "probe": ("Probe", {"value": 771}),
        "arrow": ("ArrowAnnotate", {}),
    }
    for kind, (tool, stats) in tools.items():
        shown = made[drawings[kind].uid]
        assert shown["tool"] == tool, kind
        for name, value in stats.items():
            expected = value if isinstance(value, str) else pytest.approx(value)
            assert shown["stats"][name] == expected, (kind, name)
        if kind not in ("probe", "rectangle"):
            found = [(x + HALF_PIXEL, y + HALF_PIXEL) for x, y, _ in shown["points"]]
            assert found == [pytest.approx(point) for point in drawings[kind].points], kind
    assert drawings["vhs"].uid not in made
