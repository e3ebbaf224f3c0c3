"""The light table beside OHIF and Cornerstone3D: the same radiograph of 15 MB, the same browser, the same line.

`make bench ARGS="--parts viewers"`. OHIF (that of its test) and Cornerstone3D come from npm; they read the box's
DICOMweb. A time counts from the start of the navigation until a picture of the radiograph stands in the viewport.
OHIF and Cornerstone3D draw the full depth at once or nothing: their first picture is also their full depth. The
radiograph names no VOI LUT Function, because this OHIF reads only its first letter and then draws nothing.
"""

import json
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from pydicom.dataset import Dataset

from appliance.phantom.dataset import phantom_study
from appliance.phantom.unit import write
from tests.bench.bars import Bars
from tests.bench.stage import Files, Line, Stage, folder_files
from tests.box import PASSWORD, Box
from tests.browser.conftest import FLAGS
from tests.browser.ohif_site import CONFIG, installed
from webui.viewer.build import HERE, npm_command

CORNERSTONE = (
    *(f"@cornerstonejs/{name}@5.14.0" for name in ("core", "dicom-image-loader", "metadata")),
    *("events@3.3.0", "url@0.11.4"),  # of Node.js, which bundles for browsers must bring along
)
SIZE = {"width": 1280, "height": 900}
# The browser draws its pages by itself, as it does where there is no graphics card, and not through an emulated one
PLAIN_FLAGS = [flag for flag in FLAGS if not flag.startswith(("--use-gl=", "--use-angle="))]
WINDOWS = 20
LINE_BITS = 30_000_000
BAR_FIRST, BAR_FULL, BAR_MB = 0.25, 0.5, 0.2
_WAIT_MS = 120_000
_SETTLE_S = 1.5  # a new window first draws itself and the browser's own start page
# Notes when a picture first stands in a large canvas or image; looks about 50 times a second
WATCH = """(() => {
  let seen;
  window.whenFullDepth = new Promise((resolve) => (seen = resolve));
  const small = Object.assign(document.createElement('canvas'), {width: 24, height: 24});
  const context = small.getContext('2d', {willReadFrequently: true});
  const drawn = (source) => {
    context.fillRect(0, 0, 24, 24);
    context.drawImage(source, 0, 0, 24, 24);
    const grey = context.getImageData(0, 0, 24, 24).data.filter((_, index) => index % 4 === 0);
    return Math.max(...grey) - Math.min(...grey) > 60;
  };
  const look = () => {
    for (const element of document.querySelectorAll('canvas, .place img')) {
      const there = element.tagName === 'CANVAS' || (element.complete && element.naturalWidth > 300);
      if (window.firstPicture !== undefined && element.tagName !== 'CANVAS') continue;
      if (getComputedStyle(element).opacity === '0') continue; // not yet for the eye, and looking costs time
      if (element.clientWidth < 300 || !there || !drawn(element)) continue;
      window.firstPicture ??= performance.now();
      if (element.tagName === 'CANVAS') { window.fullDepth = performance.now(); return seen(); }
    }
    setTimeout(look, 20);
  };
  look();
})()"""
# Asked once: asking again and again would take the processor from the viewer
AWAIT = """({what, patience}) => Promise.race([window.whenFullDepth,
  new Promise((_, fail) => setTimeout(() => fail(new Error('waited in vain: ' + what)), patience))])"""
REDRAW = """async ({ours, windows}) => {
  const viewport = ours ? document.querySelector('[data-light-table]').lightTable.active
    : window.cornerstoneViewport ?? window.cornerstone.getEnabledElements()[0].viewport;
  const element = viewport.element;
  const once = (change) => new Promise((resolve) => {
    if (!ours) element.addEventListener('CORNERSTONE_IMAGE_RENDERED', resolve, {once: true});
    change();
    if (ours) requestAnimationFrame(resolve); // after the viewport drew, in the same frame
  });
  const read = () => element.querySelector('canvas').getContext('2d').getImageData(9, 9, 1, 1).data[0];
  const began = performance.now();
  for (let step = 0; step < windows; step++) {
    const [lower, upper] = [200 + step, 3000 + 10 * step];
    const voi = {function: 'LINEAR', center: (lower + upper) / 2, width: upper - lower, label: ''};
    const change = () => (viewport.setProperties({voiRange: {lower, upper}}), viewport.render());
    await once(ours ? () => viewport.setAppearance({voi}) : change);
    read();
  }
  return (performance.now() - began) / windows;
}"""


@dataclass(frozen=True)
class Figures:
    """Medians in milliseconds; `application_bytes` as they went over the line, compressed."""

    first_ms: float
    full_ms: float
    redraw_ms: float
    application_bytes: int


@dataclass(frozen=True)
class Subject:
    """A viewer: where its page is on a stage, the files of it that the box does not have."""

    name: str
    path: str
    files: Files | None


def measure(bars: Bars, folder: Path, *, runs: int) -> None:
    """Print the table and hold the bars, on loopback and over the line."""
    (ds,) = phantom_study("cervical-spine")
    del ds.VOILUTFunction
    folder.mkdir()
    with sync_playwright() as playwright:
        box = Box(folder / "box").set_up()
        write([ds], folder / "dx")
        box.bucky("import", str(folder / "dx"))
        token = box.bucky("token", "create", "viewers", "--role", "viewer")
        subjects = _subjects(folder, ds)
        box.start()
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=PLAIN_FLAGS)
        try:
            _wait_for_preview(browser, box)
            for title, bits in (("loopback", 0), ("30 Mbit/s", LINE_BITS)):
                _report(bars, title, _in_turn(browser, box, subjects, token, bits, runs))
        finally:
            browser.close()
            box.stop()


def _report(bars: Bars, title: str, figures: dict[str, Figures]) -> None:
    bars.text(f"Viewers, {title:16}{'first picture':>15}{'full depth':>12}{'redraw':>9}{'application':>14}")
    for name, f in figures.items():
        times = f"{f.first_ms:12.0f} ms{f.full_ms:9.0f} ms{f.redraw_ms:6.1f} ms"
        print(f"  {name:22}{times}{f.application_bytes / 1e6:11.2f} MB")
    ours, ohif = figures["light table"], figures["OHIF"]
    best = min(f.full_ms for name, f in figures.items() if name != "light table")
    bars.below(f"first picture / OHIF's, {title}", ours.first_ms / ohif.first_ms, BAR_FIRST)
    bars.below(f"full depth / the better one's, {title}", ours.full_ms / best, BAR_FULL)
    bars.below("the application, MB over the line", ours.application_bytes / 1e6, BAR_MB)


def _subjects(folder: Path, ds: Dataset) -> list[Subject]:
    study = ds.StudyInstanceUID
    instance = f"/dicom-web/studies/{study}/series/{ds.SeriesInstanceUID}/instances/{ds.SOPInstanceUID}"
    config = f"window.config = {json.dumps(CONFIG)};".encode()
    return [
        Subject("light table", "/studies/1", None),
        Subject(
            "OHIF",
            f"/viewer?StudyInstanceUIDs={study}",
            folder_files(installed(), instead={"app-config.js": config}),
        ),
        Subject("Cornerstone3D", f"/?instance={instance}", folder_files(_cornerstone(folder / "cs"), instead={})),
    ]


def _install(folder: Path, *packages: str) -> Path:
    """The packages from npm, without their scripts; returns node_modules."""
    folder.mkdir()
    npm, environ = npm_command()
    options = ["--silent", "--ignore-scripts", "--no-audit", "--no-fund", "--legacy-peer-deps", "--prefix", str(folder)]
    subprocess.run([*npm, "install", *options, *packages], env=environ, check=True, timeout=900)
    return folder / "node_modules"


def _cornerstone(folder: Path) -> Path:
    """The least page with Cornerstone3D, built; esbuild does not find its worker by itself."""
    modules = _install(folder, *CORNERSTONE)
    page, out = folder / "page.js", folder / "dist"
    shutil.copy(Path(__file__).parent / "cornerstone_page.js", page)
    worker = next(modules.glob("@cornerstonejs/dicom-image-loader/dist/esm/**/decodeImageFrameWorker.js"))
    esbuild = HERE / "node_modules" / ".bin" / "esbuild"
    options = ["--bundle", "--format=esm", "--minify", "--target=es2022", "--loader:.wasm=file", "--external:fs"]
    options += ["--external:path", "--entry-names=[name]", f"--outdir={out}"]
    subprocess.run([str(esbuild), str(page), str(worker), *options], check=True, capture_output=True, timeout=120)
    place = '<div id="viewport" style="width:1000px;height:800px"></div>'
    (out / "index.html").write_text(f'<!doctype html>{place}<script type="module" src="/page.js"></script>')
    return out


def _wait_for_preview(browser: Browser, box: Box) -> None:
    context = _logged_in(browser, box.url)
    page = context.new_page()
    page.goto(f"{box.url}/studies/1")
    page.locator("[data-preview]").first.wait_for(state="attached", timeout=_WAIT_MS)
    context.close()


def _logged_in(browser: Browser, url: str) -> BrowserContext:
    context = browser.new_context(viewport=SIZE)  # type: ignore[arg-type]  # a plain dict is one
    page = context.new_page()
    page.goto(url)
    page.get_by_label("Name", exact=True).first.fill("ann")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.locator(".study").first.wait_for()
    page.close()
    return context


def _in_turn(
    browser: Browser, box: Box, subjects: list[Subject], token: str, bits: int, runs: int
) -> dict[str, Figures]:
    """Visits in turn, so that all meet the same machine; the first round counts for nobody, it wakes the browser."""
    rounds = [{s.name: _once(browser, box, s, token, bits) for s in subjects} for _ in range(1 + runs)][1:]
    return {s.name: _median([visits[s.name] for visits in rounds]) for s in subjects}


def _median(found: list[Figures]) -> Figures:
    middle: Callable[[str], Any] = lambda field: statistics.median(getattr(f, field) for f in found)  # noqa: E731 - one line for four columns
    return Figures(middle("first_ms"), middle("full_ms"), middle("redraw_ms"), found[0].application_bytes)


def _once(browser: Browser, box: Box, subject: Subject, token: str, bits: int) -> Figures:
    """One visit with an empty cache; logging in happens before and off the line."""
    ours = subject.files is None
    context = _logged_in(browser, box.url) if ours else browser.new_context(viewport=SIZE)  # type: ignore[arg-type]  # Playwright's size by its two names
    stage = Stage(box.url, line=Line(bits), token="" if ours else token, files=subject.files)
    page = _cold_page(context)
    try:
        page.goto(stage.url + subject.path, wait_until="commit")
        page.evaluate(AWAIT, {"what": f"{subject.name} shows the radiograph", "patience": _WAIT_MS})
        first, full = page.evaluate("[window.firstPicture, window.fullDepth]")
        application = stage.application_bytes
        redraw = page.evaluate(REDRAW, {"ours": ours, "windows": WINDOWS})
        return Figures(first, full, redraw, application)
    finally:
        context.close()
        stage.close()


def _cold_page(context: BrowserContext) -> Page:
    """A page whose browser knows nothing of the address yet; cookies do not tell ports apart, so the log-in counts."""
    context.add_init_script(WATCH)
    page = context.new_page()
    time.sleep(_SETTLE_S)
    return page
