"""A backup back onto a bare box: pictures, studies, people, settings, AE title, ports, open cases.

It may be interrupted and begun again; the database takes its place last, so that a half restored box does not start.
"""

import base64
import contextlib
import io
import json
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance.archive.backup import FORMAT
from appliance.archive.blobs import BlobStore
from appliance.archive.database import Database
from appliance.archive.digest import dataset_digest
from appliance.archive.notices import note
from appliance.archive.reach import how_to_reach
from appliance.archive.vault import Key, WrongRecoveryKey, file_digest
from appliance.clock import stamp
from appliance.errors import BuckyError, NotDicom
from appliance.files import for_roles, sync_file, write_whole

Progress = Callable[[int, int], None]


class NoBackup(BuckyError):
    """There is nothing to restore in this folder."""

    code = "no-backup"
    message = "There is no complete backup in {folder}."
    hint = "Give the folder that holds a folder named bucky-backup-..."


class NotBare(BuckyError):
    """A restore would mix two boxes."""

    code = "not-bare"
    message = "The data folder {folder} already holds an archive."
    hint = "Restore into an empty folder, with --data."


@dataclass(frozen=True)
class Restored:
    """What came of it; `lost` files of the backup were damaged themselves."""

    made_at: str
    files: int
    lost: int
    ae_title: str | None
    dicom_port: int | None


def restore(folder: Path, key: Key, data: Path, progress: Progress = lambda done, total: None) -> Restored:
    """Restore the newest complete backup; raises NoBackup, NotBare, WrongRecoveryKey, SchemaTooNew."""
    database = data / "bucky.sqlite"
    if database.exists():
        raise NotBare(folder=data)
    place, manifest = _newest(folder, key)
    blobs = BlobStore(data, reserve_bytes=0)
    new = _restore_database(place, manifest, key, data)
    lost = 0
    for number, (name, (digest, _)) in enumerate(manifest["files"].items()):
        lost += not _restore_file(place / name, name, digest, key, blobs)
        progress(number + 1, len(manifest["files"]))
    listens = _settle(new)
    _restore_small(manifest["small"], data, listens)
    sync_file(new)
    new.rename(database)
    return Restored(
        made_at=manifest["made_at"],
        files=len(manifest["files"]) - lost,
        lost=lost,
        ae_title=listens.get("ae_title"),
        dicom_port=listens.get("dicom_port"),
    )


def _newest(folder: Path, key: Key) -> tuple[Path, dict[str, Any]]:
    """The newest manifest that this key opens, and whose database is whole."""
    found = sorted(
        (*folder.glob("bucky-backup-*/manifest-*.json.age"), *folder.glob("manifest-*.json.age")),
        key=lambda path: path.name,
        reverse=True,
    )
    refused = 0
    for path in found:
        content = io.BytesIO()
        try:
            key.open(path, content.write)
        except WrongRecoveryKey:
            refused += 1
            continue
        manifest: dict[str, Any] = json.loads(content.getvalue())
        name, digest, _ = manifest["database"]
        sealed = path.parent / name
        if manifest["format"] == FORMAT and sealed.exists() and file_digest(sealed) == digest:
            return path.parent, manifest
    if refused:
        raise WrongRecoveryKey
    raise NoBackup(folder=folder)


def _restore_database(place: Path, manifest: dict[str, Any], key: Key, data: Path) -> Path:
    new = data / "restored.sqlite"
    for leftover in data.glob("restored.*"):
        leftover.unlink()
    with new.open("wb") as file:
        key.open(place / manifest["database"][0], file.write)
    Database(new).close()  # raises SchemaTooNew before anything is in place
    return new


def _restore_file(sealed: Path, name: str, digest: str, key: Key, blobs: BlobStore) -> bool:
    """One file to its place; False if the backup's copy is damaged, and the box then asks a reader for it."""
    dataset_sha256 = sealed.name.partition(".")[0] if name.startswith("instances/") else None
    target = blobs.path(dataset_sha256) if dataset_sha256 else blobs.folder / name.removesuffix(".age")
    if target.exists():
        return True
    try:
        with blobs.scratch() as part:
            with part.open("wb") as file:
                key.open(sealed, file.write)
            if dataset_sha256 is None:
                target.parent.mkdir(parents=True, exist_ok=True)
                part.replace(target)
            elif dataset_digest(part) == dataset_sha256:
                blobs.settle(part, dataset_sha256)
            else:
                return False
    except (WrongRecoveryKey, NotDicom, FileNotFoundError):
        return False
    return True


def _settle(new: Path) -> dict[str, Any]:
    """What is not true any more on the new box; returns how the receiver was reached."""
    made = Database(new)
    with made.write() as db:
        db.conn.execute(
            "UPDATE instance SET preview_state = 'waiting', preview_attempts = 0"
            " WHERE preview_state = 'ready' AND file_state <> 'evicted'"
        )
        # it may have arrived since the backup was made: the courier asks before it sends again
        db.conn.execute("UPDATE delivery SET attempts = max(attempts, 1) WHERE state = 'waiting'")
        db.conn.execute(
            "UPDATE backup_run SET ended_at = ?, message = ?, hint = ? WHERE ended_at IS NULL",
            [stamp(), "This backup was cut short.", "The next one goes on where it stopped."],
        )
        note(db, "restored")
    listens = how_to_reach(made)
    made.close()
    return dict(listens)


def _restore_small(small: dict[str, str], data: Path, listens: dict[str, Any]) -> None:
    """Settings, as they were in effect, and the TLS certificate that the unit may know."""
    for name, content in small.items():
        path = data / name
        if not path.resolve().is_relative_to(data.resolve()):
            continue
        path.parent.mkdir(parents=True, exist_ok=True, mode=for_roles(0o700))
        write_whole(path, base64.b64decode(content))
        path.chmod(for_roles(0o600))
    settings = data / "settings.toml"
    known: dict[str, Any] = {}
    with contextlib.suppress(FileNotFoundError, tomllib.TOMLDecodeError):
        known = tomllib.loads(settings.read_text(encoding="utf-8"))
    lines = [f"{key} = {json.dumps(value)}" for key, value in {**known, **listens}.items()]
    write_whole(settings, ("\n".join(lines) + "\n").encode())
