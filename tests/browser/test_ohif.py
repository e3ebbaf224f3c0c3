"""A stock OHIF pointed at the box lists its studies and shows their pictures."""

import io
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Error
from pydicom.uid import JPEGLSLossless

from tests.browser.ohif_site import ohif_before
from tests.conftest import SENTINEL
from tests.pictures import small_study
from tests.service import keep, make_box, served
from tests.waiting import wait_for


def test_a_stock_ohif_lists_and_opens_a_study(browser: Browser, tmp_path: Path) -> None:
    """The study list names the patient; the viewer draws the picture, a compressed one too; no request fails."""
    study = small_study(scale=0.2)
    for ds in study:
        del ds.VOILUTFunction  # this OHIF reads only the first letter of it, and then draws nothing
    study[0].compress(JPEGLSLossless, generate_instance_uid=False)
    box = make_box(tmp_path / "data")
    keep(box, *study)
    token = box.tokens.create("viewer", "viewer")
    with served(box) as url, ohif_before(f"{url}/dicom-web", token) as (site, failures):
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(site)
        page.get_by_text(SENTINEL).first.wait_for(timeout=90_000)
        page.goto(f"{site}/viewer?StudyInstanceUIDs={study[0].StudyInstanceUID}")
        canvas = page.locator(".cornerstone-canvas").first
        canvas.wait_for(timeout=120_000)
        page.get_by_text("Skip all").click(timeout=60_000)  # its tour dims the picture

        def drawn() -> bool:
            try:
                seen = canvas.screenshot()
            except Error:  # a browser that is just drawing at times gives none
                return False
            grey = np.asarray(Image.open(io.BytesIO(seen)).convert("L"), dtype=float)
            return bool(grey.std() > 20 and np.unique(grey).size > 60)

        wait_for(drawn, 120, "a picture in OHIF")
        page.close()
    assert failures == []
