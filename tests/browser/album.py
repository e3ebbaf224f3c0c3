"""Pictures of pages, for people to look at: made only where BUCKY_SCREENSHOTS names a folder."""

import os
from pathlib import Path

from playwright.sync_api import Page


def picture(page: Page, name: str, *, whole: bool = False) -> None:
    """Keep what the page shows, or all of its length; no test hangs on it, and a browser at times makes none."""
    if folder := os.environ.get("BUCKY_SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=whole)
