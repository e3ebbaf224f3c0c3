"""Original files, or a whole folder, as one ZIP; written in portions."""

import shutil
import zipfile
from pathlib import Path

from appliance.imaging.media.content import Content, Step

_CHUNK_BYTES = 1 << 20


def write_zip(content: Content, target: Path, step: Step) -> None:
    """The stored files as they are, in their order."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED, allowZip64=True) as bundle:
        for done, item in enumerate(content.items):
            step(done, len(content.items))
            _add(bundle, item.path, f"DICOM/{done + 1:05d}.dcm")
    step(len(content.items), len(content.items))


def zip_folder(folder: Path, target: Path, step: Step) -> None:
    """Everything below a folder, under its names there."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED, allowZip64=True) as bundle:
        for done, path in enumerate(files):
            step(done, len(files))
            _add(bundle, path, path.relative_to(folder).as_posix())
    step(len(files), len(files))


def _add(bundle: zipfile.ZipFile, path: Path, name: str) -> None:
    entry = zipfile.ZipInfo(name)
    entry.external_attr = 0o644 << 16
    with path.open("rb") as source, bundle.open(entry, "w", force_zip64=True) as out:
        shutil.copyfileobj(source, out, _CHUNK_BYTES)
