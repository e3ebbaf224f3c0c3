"""The command `bucky study export`: a study as files, on the command line with its progress."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from appliance.audit.trail import Actor
from appliance.commands.output import Args, show
from appliance.errors import BuckyError, FolderNotWritable
from appliance.settings import Settings
from appliance.wiring import Box

if TYPE_CHECKING:
    from appliance.courier.exports import Options
    from appliance.imaging.media.content import Step


class FolderInUse(BuckyError):
    """Media are written into an empty folder only."""

    code = "folder-in-use"
    message = "The folder {path} is not empty."
    hint = "Name an empty or a new folder."


def add_arguments(
    actions: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser
) -> None:
    """What the action takes."""
    parser = actions.add_parser("export", help="a study as files to take along", parents=[common])
    parser.add_argument("uid")
    form = parser.add_mutually_exclusive_group(required=True)
    form.add_argument("--zip", type=Path, metavar="FILE", help="the DICOM files as one ZIP")
    form.add_argument(
        "--media", type=Path, metavar="DIR", help="DICOMDIR, files and pages for a stick or disc (IHE PDI)"
    )
    form.add_argument("--pdf", type=Path, metavar="FILE", help="one picture a page with a scale bar")
    form.add_argument("--images", type=Path, metavar="DIR", help="PNG files with captions")
    parser.add_argument("--deidentify", action="store_true", help="without names (PS3.15 annex E, basic profile)")
    parser.add_argument("--keep-characteristics", action="store_true", help="keep species, breed, sex, age, weight")
    parser.add_argument("--clean-descriptors", action="store_true", help="keep descriptions, only words of the trade")


def export(args: Args, settings: Settings) -> int:
    """Write the study; warnings go to standard error."""
    from appliance.courier.exports import Options

    box = Box(settings)
    study = box.catalogue.study_by_uid(args.uid)
    options = Options(args.deidentify, args.keep_characteristics, args.clean_descriptors)
    kind, target = next((k, t) for k in ("zip", "media", "pdf", "images") if (t := getattr(args, k)) is not None)
    try:
        warnings = _write(box, study.id, options, kind, target)
    except OSError as error:
        raise FolderNotWritable(path=target, reason=error.strerror) from error
    box.trail.record(
        "exported",
        Actor("command line", "person", ""),
        study_instance_uid=study.study_instance_uid,
        patient_id=study.patient_id,
        patient_name=study.patient_name,
        subject=kind + (", de-identified" if options.deidentify else ""),
    )
    for warning in warnings:
        print(f"bucky: {warning}", file=sys.stderr)
    show(args, {"study": args.uid, "to": str(target), "warnings": warnings}, [f"Written to {target}."])
    return 0


def _write(box: Box, study_id: int, options: "Options", kind: str, target: Path) -> list[str]:
    target.parent.mkdir(parents=True, exist_ok=True)
    with _progress() as step:
        if kind in ("zip", "pdf"):
            return box.hand_over.write(kind, study_id, options, target, step)
        if target.exists() and any(target.iterdir()):
            raise FolderInUse(path=target)
        with box.hand_over.content(study_id, options, target.parent, step) as (content, warnings):
            written = box.hand_over.write_folder("media" if kind == "media" else "png", content, target, step)
            return [*warnings, *written]


@contextmanager
def _progress() -> "Iterator[Step]":
    """A bar on a terminal, nothing elsewhere."""
    from tqdm import tqdm

    with tqdm(disable=not sys.stderr.isatty(), unit=" steps", leave=False) as bar:

        def step(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield step
