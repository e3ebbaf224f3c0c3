"""Pages on a medium: plain HTML and JPEG that any browser opens from the stick (IHE PDI, web content)."""

from collections.abc import Callable
from html import escape
from pathlib import Path

from appliance.errors import CannotDisplay
from appliance.imaging.decode import decode_frame
from appliance.imaging.media.captions import captioned
from appliance.imaging.media.content import Content
from appliance.imaging.media.pictures import save
from appliance.imaging.shown import fitted

FOLDER = "IHE_PDI"
_SIDE, _SMALL = 2000, 320
_STYLE = """
:root { color-scheme: dark; font: 17px/1.45 system-ui, "DejaVu Sans", sans-serif; }
body { margin: 0 auto; max-width: 80rem; padding: 1rem 1.5rem; background: #0e171b; color: #e8f1f4; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; }
a { color: #7fd6ec; } a:focus-visible { outline: 3px solid #7fd6ec; outline-offset: 3px; }
ul { list-style: none; padding: 0; display: grid; grid-template-columns: repeat(auto-fill, minmax(11rem, 1fr)); }
ul { gap: 1rem; } li a { display: block; text-decoration: none; }
li img { width: 100%; height: 11rem; object-fit: contain; background: #000; }
table { border-collapse: collapse; } td { padding: .3rem 1rem .3rem 0; border-bottom: 1px solid #33474f; }
.one { margin: 0; text-align: center; } .one img { max-width: 100%; max-height: 84vh; }
nav { display: flex; gap: 1.5rem; padding: .4rem 0; } footer { color: #a5b8c0; font-size: .85rem; margin-top: 2rem; }
"""
_NOTE = "Not for diagnosis. Use the DICOM files with a medical viewer for that."
Count = Callable[[int], None]


def write(content: Content, folder: Path, files: int, step: Count) -> None:
    """INDEX.HTM, README.TXT, and a page for each picture and report below IHE_PDI."""
    below = folder / FOLDER
    below.mkdir()
    (below / "STYLE.CSS").write_text(_STYLE, encoding="utf-8")
    shown = _pictures(content, below, step)
    for place, (name, label) in enumerate(shown):
        (below / f"{name}.HTM").write_text(_picture_page(shown, place, label), encoding="utf-8")
    reports = _reports(content, below)
    (folder / "INDEX.HTM").write_text(_index(content, shown, reports), encoding="utf-8")
    (folder / "README.TXT").write_text(_readme(content, files), encoding="utf-8", newline="\r\n")


def _pictures(content: Content, below: Path, step: Count) -> list[tuple[str, str]]:
    """A picture and a small one for each image that can be shown; names and labels."""
    shown = []
    for done, item in enumerate(content.images):
        step(done)
        name = f"P{done + 1:05d}"
        try:
            frame = decode_frame(item.path, item.still)
        except CannotDisplay:
            continue
        whole = captioned(frame, content, item.look, item.still)
        whole = fitted(whole, _SIDE, _SIDE) if max(whole.size) > _SIDE else whole
        save(whole, below / f"{name}.JPG", "jpeg")
        save(fitted(whole, _SMALL, _SMALL), below / f"{name}S.JPG", "jpeg")
        shown.append((name, item.label))
    return shown


def _reports(content: Content, below: Path) -> list[tuple[str, str]]:
    names = []
    for number, document in enumerate(content.documents, 1):
        name = f"R{number:05d}.{document.ending}"
        (below / name).write_bytes(document.content)
        names.append((name, document.title))
    return names


def page(title: str, body: str, style: str) -> str:
    """A whole page; `body` is HTML."""
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="stylesheet" href="{style}">'
        f"</head><body>{body}<footer>{escape(_NOTE)}</footer></body></html>\n"
    )


def _picture_page(shown: list[tuple[str, str]], place: int, label: str) -> str:
    links = ['<a href="../INDEX.HTM">All pictures</a>']
    if place:
        links.append(f'<a href="{shown[place - 1][0]}.HTM" rel="prev">Previous</a>')
    if place + 1 < len(shown):
        links.append(f'<a href="{shown[place + 1][0]}.HTM" rel="next">Next</a>')
    name = shown[place][0]
    image = f'<a href="{name}.JPG"><img src="{name}.JPG" alt="{escape(label)}"></a>'
    body = f'<nav>{"".join(links)}</nav><p class="one">{image}<br>{escape(label)}</p>'
    return page(label, body, "STYLE.CSS")


def _index(content: Content, shown: list[tuple[str, str]], reports: list[tuple[str, str]]) -> str:
    lines = [f"<h1>{escape(content.patient_line or 'Study')}</h1>"]
    lines.append(f"<p>{escape(' · '.join(filter(None, (content.study_line, content.clinic))))}</p>")
    if reports:
        items = (f'<p><a href="{FOLDER}/{name}">{escape(title)}</a></p>' for name, title in reports)
        lines += ["<h2>Reports</h2>", *items]
    lines += ["<h2>Pictures</h2>", "<ul>"]
    for name, label in shown:
        image = f'<img src="{FOLDER}/{name}S.JPG" alt="">'
        lines.append(f'<li><a href="{FOLDER}/{name}.HTM">{image}{escape(label)}</a></li>')
    lines.append("</ul>")
    return page(content.patient_line or "Study", "\n".join(lines), f"{FOLDER}/STYLE.CSS")


def _readme(content: Content, files: int) -> str:
    return (
        "This medium holds the pictures of one X-ray study.\n\n"
        f"Patient: {content.patient_line or 'not named'}\nStudy: {content.study_line or '-'}\n"
        f"From: {content.clinic or '-'}\n\n"
        "To look at them on any computer, open INDEX.HTM with a browser.\n"
        f"For a medical viewer or an archive, import the file DICOMDIR; it lists {files} DICOM files.\n\n"
        "The medium follows IHE Portable Data for Imaging (PDI). Every file was read back after writing.\n"
        "It was made by Bucky. The pages are not for diagnosis.\n"
    )
