"""The releases as a TUF repository (the specification at theupdateframework.io, by python-tuf).

Root needs two of three keys, targets one; these are made and kept offline, and are at hand only in a key ceremony and
when a release is signed. The service holds the keys of snapshot and timestamp: with them alone nobody makes a release.
"""

import shutil
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from securesystemslib.signer import CryptoSigner, Signer
from tuf.api.metadata import Metadata, MetaFile, Root, Signed, Snapshot, TargetFile, Targets, Timestamp
from tuf.api.serialization.json import JSONSerializer

from appliance.clock import now
from appliance.errors import BadInput
from provisioning.fleet.documents import load_signer
from provisioning.protocol.identity import keep
from provisioning.protocol.versions import version_number

ROOT_KEYS, ROOT_THRESHOLD = 3, 2
_LIFE = {Root.type: 365, Targets.type: 180, Snapshot.type: 14, Timestamp.type: 3}  # days


AnyMetadata = Metadata[Root] | Metadata[Targets] | Metadata[Snapshot] | Metadata[Timestamp]


class Repository:
    """Metadata in `metadata/`, releases in `targets/` of one folder; the online key in the folder of keys."""

    def __init__(self, folder: Path, keys: Path) -> None:
        self.metadata, self.targets = folder / "metadata", folder / "targets"
        self._online_key = keys / "releases-key.pem"

    @property
    def first_root(self) -> str:
        """What boxes are given at manufacture; empty before the ceremony."""
        path = self.metadata / "1.root.json"
        return path.read_text() if path.exists() else ""

    def ceremony(self, offline: Path) -> None:
        """Make every key and the first metadata; the folder `offline` goes to safes, each root key to another."""
        if self.first_root:
            raise BadInput(field="Repository", reason="it was made already")
        self.targets.mkdir(parents=True, exist_ok=True)
        signers = [CryptoSigner.generate_ed25519() for _ in range(ROOT_KEYS)]
        targets_key, online = CryptoSigner.generate_ed25519(), CryptoSigner.generate_ed25519()
        for number, signer in enumerate(signers, 1):
            keep(offline / f"root-{number}.pem", signer.private_bytes)
        keep(offline / "targets.pem", targets_key.private_bytes)
        keep(self._online_key, online.private_bytes)
        root = Root(expires=_expires(Root), consistent_snapshot=False)
        for signer in signers:
            root.add_key(signer.public_key, Root.type)
        root.roles[Root.type].threshold = ROOT_THRESHOLD
        root.add_key(targets_key.public_key, Targets.type)
        for role in (Snapshot.type, Timestamp.type):
            root.add_key(online.public_key, role)
        self._write("1.root", Metadata(root), signers[:ROOT_THRESHOLD])
        self._write("targets", Metadata(Targets(expires=_expires(Targets))), [targets_key])
        snapshot = Metadata(Snapshot(expires=_expires(Snapshot), meta={"targets.json": MetaFile(1)}))
        self._write("snapshot", snapshot, [online])
        self._write("timestamp", Metadata(Timestamp(expires=_expires(Timestamp))), [online])

    def add(self, release: str, file: Path, offline: Path) -> str:
        """Sign a release (the product in .tar.gz or a RAUC bundle) with the targets key; returns its target's name.

        Raises BadInput.
        """
        try:
            version_number(release)
        except ValueError as error:
            raise BadInput(field="Release", reason=error) from None
        name = f"bucky-{release}{''.join(file.suffixes[-2:]) if file.suffix == '.gz' else file.suffix}"
        metadata: Metadata[Targets] = Metadata.from_file(str(self.metadata / "targets.json"))
        if name in metadata.signed.targets:
            raise BadInput(field="Release", reason="this version was signed already; give it another one")
        shutil.copyfile(file, self.targets / name)
        target = TargetFile.from_file(name, str(self.targets / name))
        target.unrecognized_fields["custom"] = {"release": release}
        metadata.signed.targets[name] = target
        metadata.signed.version += 1
        metadata.signed.expires = _expires(Targets)
        self._write("targets", metadata, [load_signer(offline / "targets.pem")])
        self.refresh()
        return name

    def refresh(self) -> None:
        """Snapshot and timestamp anew, by the service itself once a day."""
        online = load_signer(self._online_key)
        targets: Metadata[Targets] = Metadata.from_file(str(self.metadata / "targets.json"))
        snapshot: Metadata[Snapshot] = Metadata.from_file(str(self.metadata / "snapshot.json"))
        snapshot.signed.meta["targets.json"] = MetaFile(targets.signed.version)
        snapshot.signed.version += 1
        snapshot.signed.expires = _expires(Snapshot)
        self._write("snapshot", snapshot, [online])
        timestamp: Metadata[Timestamp] = Metadata.from_file(str(self.metadata / "timestamp.json"))
        timestamp.signed.snapshot_meta = MetaFile(snapshot.signed.version)
        timestamp.signed.version += 1
        timestamp.signed.expires = _expires(Timestamp)
        self._write("timestamp", timestamp, [online])

    def renew_root(self, offline: Path, *, lost: int | None = None) -> None:
        """The next root, signed by two keys of the old one and of the new; `lost` (1 to 3) gets a new key."""
        last = max(self.metadata.glob("*.root.json"), key=lambda path: int(path.name.split(".")[0]))
        metadata: Metadata[Root] = Metadata.from_file(str(last))
        numbers = [n for n in range(1, ROOT_KEYS + 1) if n != lost]
        signers: list[Signer] = [load_signer(offline / f"root-{n}.pem") for n in numbers]
        if lost:
            known = {signer.public_key.keyid for signer in signers}
            for keyid in set(metadata.signed.roles[Root.type].keyids) - known:
                metadata.signed.revoke_key(keyid, Root.type)
            fresh = CryptoSigner.generate_ed25519()
            metadata.signed.add_key(fresh.public_key, Root.type)
            keep(offline / f"root-{lost}.pem", fresh.private_bytes)
        metadata.signed.version += 1
        metadata.signed.expires = _expires(Root)
        self._write(f"{metadata.signed.version}.root", metadata, signers[:ROOT_THRESHOLD])

    def releases(self) -> list[str]:
        """The versions that were signed, in the order of signing."""
        path = self.metadata / "targets.json"
        if not path.exists():
            return []
        metadata: Metadata[Targets] = Metadata.from_file(str(path))
        return [str((target.custom or {})["release"]) for target in metadata.signed.targets.values()]

    def _write(
        self,
        name: str,
        metadata: "AnyMetadata",
        signers: Sequence[Signer],
    ) -> None:
        metadata.signatures.clear()
        for signer in signers:
            metadata.sign(signer, append=True)
        keep(self.metadata / f"{name}.json", metadata.to_bytes(JSONSerializer(compact=False)), 0o644)


def _expires(role: type[Signed]) -> datetime:
    return (now() + timedelta(days=_LIFE[role.type])).replace(microsecond=0)
