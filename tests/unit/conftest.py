"""The real services over a folder of the test."""

from pathlib import Path

import pytest

from appliance.settings import load
from appliance.wiring import Box


@pytest.fixture
def box(tmp_path: Path) -> Box:
    """Services without processes."""
    return Box(load(tmp_path / "data", command_line={}, environ={}))
