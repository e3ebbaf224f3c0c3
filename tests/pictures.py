"""Small phantom studies whose patient carries the sentinel name."""

from pathlib import Path

from pydicom.dataset import Dataset

from appliance.phantom.dataset import PhantomPatient, phantom_study
from tests.conftest import SENTINEL

SHARED_DATA = Path(__file__).parent.parent.parent / "shared" / "data"


def small_study(kind: str = "canine-thorax", scale: float = 0.1) -> list[Dataset]:
    """Three views, or one, of 300 x 250 pixels."""
    return phantom_study(kind, scale=scale, patient=PhantomPatient(name=f"{SENTINEL}^Rex", owner=f"{SENTINEL}^Ann"))


def shared_files() -> list[Path]:
    """The real files beside the checkout, none where that folder is absent."""
    return sorted(SHARED_DATA.rglob("*.dcm")) if SHARED_DATA.exists() else []
