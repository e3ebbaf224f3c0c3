"""Each tool says who published it and what is normal, or why it cannot: where a person measures, and in its text."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.box import Box
from tests.browser.light_table import evaluate, open_study
from tests.geometry_phantom import CASES, SQUARE, phantom

_SOURCES = Path(__file__).parents[2] / "webui" / "viewer" / "src" / "measure"
_NONE = "No normal values: "
NOTE = f"{_NONE}a note measures nothing"
GREY = f"{_NONE}greys depend on the exposure"
SIZE = f"{_NONE}they are those of what is measured"
TOOLS = {
    "length": ("DICOM PS3.3 10.7", SIZE),
    "angle": ("DICOM PS3.16 TID 300", SIZE),
    "cobb": ("Cobb, Instr Course Lect 1948", "below 10°"),
    "ellipse": ("DICOM PS3.16 TID 1410", GREY),
    "rectangle": ("DICOM PS3.16 TID 1410", GREY),
    "probe": ("DICOM PS3.3 C.11.1", GREY),
    "arrow": ("DICOM PS3.3 C.10.5", NOTE),
    "text": ("DICOM PS3.3 C.10.5", NOTE),
    "calibration": ("Conn, J Bone Joint Surg Br 2002", f"{_NONE}it is the scale"),
    "vhs": ("Buchanan and Bücheler, J Am Vet Med Assoc 1995", "dog 9.7 ± 0.5 v by breed, cat 7.5 ± 0.3 v"),
    "vlas": ("Malcolm, J Am Vet Med Assoc 2018", "dog below 2.3 v"),
    "norberg": ("Flückiger, Eur J Companion Anim Pract 2007", "dog 105° or more"),
    "tpa": ("Slocum, Vet Clin North Am Small Anim Pract 1993", "dog 24.0° ± 3.2°"),
    "ctr": ("Danzer, Am J Med Sci 1919", "adult up to 0.50"),
    "cervical-cobb": ("Guo, J Orthop Surg Res 2018", "mean 13°"),
    "cervical-tangent": ("McAviney, J Manipulative Physiol Ther 2005", "31° to 40°"),
    "lumbar-cobb": ("Vialle, J Bone Joint Surg Am 2005", "60° ± 10°"),
    "lumbar-tangent": ("Troyanovich, J Spinal Disord 1997", "mean 40°"),
    "george": ("White, Clin Orthop Relat Res 1975", "below 3.5 mm"),
    "atlas-plane": ("Eriksen, Lippincott Williams & Wilkins 2004", f"{_NONE}no study of healthy people"),
    "pelvic-level": ("Ploumis, Scoliosis Spinal Disord 2018", "up to 10 mm"),
    "leg-length": ("Knutson, Chiropr Osteopat 2005", "5.2 ± 4.1 mm"),
    "hallux-valgus": ("Piqué-Vidal, J Foot Ankle Res 2009", "below 15°"),
    "intermetatarsal": ("Piqué-Vidal, J Foot Ankle Res 2009", "below 9°"),
}
"""By the tool's id: a source it must name, and the normal values or the reason why it gives none."""


def test_the_table_holds_every_tool() -> None:
    """Those that have a case of known geometry, and those that give no value."""
    assert TOOLS.keys() == CASES.keys() | {"arrow", "text", "calibration"}


def test_each_tool_shows_its_picture_its_source_and_what_is_normal(
    page: Page, make_box: Callable[..., Box], tmp_path: Path
) -> None:
    """Beside the steps while points are placed, with a picture of where the next one lies; and on hovering."""
    open_study(page, make_box, [phantom(SQUARE)], tmp_path / "files")
    guide, offered = page.locator(".guide"), page.locator(".toolbar [data-group=measure] .menu [data-id]")
    not_measuring = {"adjust", "redo", "delete", "hide-drawings"}
    assert {one.get_attribute("data-id") for one in offered.all()} - not_measuring == TOOLS.keys()
    for tool, (source, normal) in TOOLS.items():
        evaluate(page, "table.choose(argument)", tool)
        basis = guide.locator(".basis")
        expect(basis).to_contain_text(source)
        expect(basis).to_contain_text(normal)
        expect(basis).to_contain_text(_NONE if normal.startswith(_NONE) else "Normal: ")
        assert len(guide.locator(".hint .anatomy").get_attribute("d") or "") > 5, tool
        expect(guide.locator(".hint .next")).to_have_count(1)
        said = page.locator(f".toolbar [data-id={tool}]").get_attribute("title") or ""
        assert source in said and normal in said, tool


@pytest.mark.parametrize("tool", TOOLS)
def test_each_docstring_cites_what_the_tool_names(tool: str) -> None:
    """First author, journal and year of every source, or the section of the standard."""
    docstring, source = _definition(tool)
    assert TOOLS[tool][0] in source
    for one in source.split("; "):
        if one.startswith("DICOM "):
            assert one.removeprefix("DICOM ") in docstring
            continue
        authors, journal, year = re.fullmatch(r"([^,]+), (.+) (\d{4})", one).groups()  # type: ignore[union-attr]  # each source has this form, or the test fails
        assert all(re.search(rf"\b{author} [A-Z]{{1,3}}\b", docstring) for author in authors.split(" and ")), one
        assert f"{journal} {year}" in docstring, one


def _definition(tool: str) -> tuple[str, str]:
    """The docstring of a tool's definition, on one line, and the sources that it names."""
    for file in _SOURCES.glob("*.ts"):
        text = file.read_text()
        for block in re.finditer(
            r"/\*\*((?:(?!\*/).)*)\*/\nexport const \w+(?:: Definition)? = (.*?);\n\n", text, re.S
        ):
            found, code = " ".join(block[1].replace("\n *", " ").split()), block[2]
            if re.match(rf'(?:\{{\s*id: |\w+\()"{tool}"', code):
                named = re.search(r'source: "([^"]+)"', code) or re.search(r'"([^"]+ \d{4})"\)$', code)
                return found, named[1] if named else re.findall(r'source: "([^"]+)"', text)[0]
    raise AssertionError(f"{tool} has no docstring")
