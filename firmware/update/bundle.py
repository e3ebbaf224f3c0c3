"""Build and sign what updates a whole slot: a RAUC bundle of root and boot image.

`python -m firmware.update.bundle VERSION ROOT.squashfs BOOT.vfat BUNDLE.raucb --keys FOLDER`
"""

import argparse
import shutil
import subprocess
import tempfile
from pathlib import Path

COMPATIBLE = "bucky-pi4"
_MANIFEST = """[update]
compatible={compatible}
version={version}

[bundle]
format=verity

[image.root]
filename=root.img

[image.boot]
filename=boot.img
"""


def build(version: str, root: Path, boot: Path, bundle: Path, *, keys: Path, compatible: str = COMPATIBLE) -> None:
    """Write the bundle; raises CalledProcessError with RAUC's words."""
    with tempfile.TemporaryDirectory(dir=bundle.parent) as folder:
        content = Path(folder) / "content"
        content.mkdir()
        (content / "manifest.raucm").write_text(_MANIFEST.format(compatible=compatible, version=version))
        shutil.copyfile(root, content / "root.img")
        shutil.copyfile(boot, content / "boot.img")
        bundle.unlink(missing_ok=True)
        subprocess.run(
            [
                *("rauc", "bundle", f"--cert={keys / 'signer.pem'}", f"--key={keys / 'signer-key.pem'}"),
                *(f"--keyring={keys / 'authority.pem'}", str(content), str(bundle)),
            ],
            check=True,
            capture_output=True,
            text=True,
        )


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Build and sign a bundle.")
    parser.add_argument("version")
    for name in ("root", "boot", "bundle"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--keys", type=Path, required=True, metavar="FOLDER", help="what firmware.update.keys made")
    args = parser.parse_args()
    build(args.version, args.root, args.boot, args.bundle, keys=args.keys)


if __name__ == "__main__":
    main()
