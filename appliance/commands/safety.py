"""The commands `bucky check`, `rebuild-index`, `recovery-key`, `backup` and `restore`."""

import argparse
import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from appliance.commands.output import Args, show
from appliance.settings import Settings
from appliance.wiring import Box


def check(args: Args, settings: Settings) -> int:
    """Read every stored file back; exit status 1 if any is not what was received."""
    from tqdm import tqdm

    box = Box(settings)
    counts = box.reconcile()
    run = box.checker.begin("asked")
    _, size_bytes = box.checker.waiting(run)
    with tqdm(total=size_bytes, unit="B", unit_scale=True, file=sys.stderr, disable=args.json) as bar:
        for looked in box.checker.go_on(run):
            bar.update(looked.size_bytes)
    done = box.checker.get(run.id)
    lost = box.damages.count_open()
    facts = {
        "checked": done.checked,
        "size_bytes": done.size_bytes,
        "damaged": done.damaged,
        "missing": done.missing + counts.get("file-missing", 0),
        "adopted": counts.get("file-adopted", 0),
        "strays": counts.get("stray-file", 0),
        "not_healed": lost,
    }
    lines = [
        f"{done.checked} pictures read back, {done.size_bytes // 10**6} MB.",
        f"{facts['damaged']} damaged, {facts['missing']} missing, {facts['adopted']} added to the lists,"
        f" {facts['strays']} files that are no pictures.",
        f"{lost} pictures are not whole." if lost else "Every picture is what was received.",
    ]
    if lost:
        lines.append("The running box fetches them back from a reader that holds a confirmed copy.")
    show(args, facts, lines)
    return 1 if lost else 0


def rebuild_index(args: Args, settings: Settings) -> int:
    """Make the index anew from the stored files; the box may go on running."""
    from appliance.archive.rebuild import rebuild_index as rebuild

    box = Box(settings)
    box.recover()
    with _bar(args) as advance:
        made = rebuild(box.database, box.blobs, advance)
    lines = [f"{made.instances} pictures in {made.studies} studies; {made.kept_from_former} were known before."]
    if made.without_file:
        lines.append(f"{made.without_file} have no file on this box (put aside for a reader's archive, or lost).")
    show(args, made.__dict__, lines)
    return 0


def add_recovery_key_arguments(parser: argparse.ArgumentParser) -> None:
    """What `bucky recovery-key` takes."""
    parser.add_argument("--new", action="store_true", help="make another one, though there is one; backups begin anew")


def recovery_key(args: Args, settings: Settings) -> int:
    """Make the key that opens backups, and print it once."""
    keys = Box(settings).recovery_keys
    if keys.made_at and not args.new:
        show(args, {"made_at": keys.made_at}, [f"A recovery key was printed at {keys.made_at}; --new makes another."])
        return 1
    secret = keys.make()
    lines = ["Print this and keep it away from the box. Without it no backup can be opened:", "", secret]
    show(args, {"recovery_key": secret}, lines)
    return 0


def add_backup_arguments(parser: argparse.ArgumentParser) -> None:
    """What `bucky backup` takes."""
    parser.add_argument("folder", metavar="DIR", help="a folder on a USB disk or a mounted share")


def backup(args: Args, settings: Settings) -> int:
    """Bring a backup up to date while the box runs."""
    box = Box(settings)
    with _bar(args) as advance:
        run = box.backup.run(Path(args.folder), progress=advance)
    facts = {"files": run.files, "size_bytes": run.size_bytes, "ended_at": run.ended_at}
    show(args, facts, [f"The backup is complete: {run.files} new files, {run.size_bytes // 10**6} MB."])
    return 0


def add_restore_arguments(parser: argparse.ArgumentParser) -> None:
    """What `bucky restore` takes."""
    parser.add_argument("folder", metavar="DIR", nargs="?", help="the folder with the backup")
    parser.add_argument("--key-stdin", action="store_true", help="read the recovery key from standard input")
    parser.add_argument("--from-reader", metavar="NAME", help="without a backup: all studies of this destination")
    parser.add_argument("--institution", metavar="TEXT", help="with --from-reader: only studies of this institution")


def restore(args: Args, settings: Settings) -> int:
    """Bring a backup back onto a bare box, or what a reader's archive has."""
    if (args.folder is None) == (args.from_reader is None):
        print("bucky restore: give either DIR or --from-reader NAME", file=sys.stderr)
        return 2
    return _restore_from_reader(args, settings) if args.from_reader else _restore_backup(args, settings)


def _restore_backup(args: Args, settings: Settings) -> int:
    from appliance.archive.restore import restore as bring_back
    from appliance.archive.vault import Key
    from appliance.wiring.folder import prepare_folder

    if not args.key_stdin:
        print("Recovery key: ", end="", file=sys.stderr, flush=True)
    key = Key(sys.stdin.readline())
    prepare_folder(settings.data)
    with _bar(args) as advance:
        done = bring_back(Path(args.folder), key, settings.data, advance)
    lines = [f"Restored as of {done.made_at}: {done.files} files."]
    if done.ae_title:
        lines.append(
            f"The X-ray unit needs no change if this box has the old address: {done.ae_title}, {done.dicom_port}."
        )
    if done.lost:
        lines.append(f"{done.lost} files of the backup are damaged; the running box fetches them from a reader.")
    show(args, done.__dict__, lines)
    return 1 if done.lost else 0


def _restore_from_reader(args: Args, settings: Settings) -> int:
    box = Box(settings)
    with _bar(args) as advance:
        done = box.from_reader.all_of(box.destinations.by_name(args.from_reader), args.institution, advance)
    lines = [f"{done.instances} objects of {done.studies} studies brought back; {done.refused} could not be."]
    show(args, done.__dict__, lines)
    return 1 if done.refused else 0


@contextlib.contextmanager
def _bar(args: Args) -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error."""
    from tqdm import tqdm  # not where the roles load it too

    with tqdm(unit="file", file=sys.stderr, disable=args.json) as bar:

        def advance(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield advance
