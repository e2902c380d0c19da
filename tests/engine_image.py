"""A small image for tests that run containers: busybox, imported without a registry."""

import io
import os
import shutil
import subprocess
import tarfile
from functools import cache
from pathlib import Path

IMAGE = "powernode-test/busybox:1"


def busybox() -> str | None:
    """The machine's statically linked busybox."""
    found = shutil.which("busybox")
    return str(Path(found).resolve()) if found else None


@cache
def ensure_image() -> str:
    """Import the image into the Engine that DOCKER_HOST names; returns its name."""
    known = subprocess.run(
        ["docker", "image", "inspect", IMAGE], check=False, capture_output=True, timeout=30
    )
    if known.returncode:
        subprocess.run(
            ["docker", "import", "-", IMAGE], input=image_tree(), check=True, capture_output=True,
            timeout=60,
        )  # fmt: skip
    return IMAGE


def engine_url() -> str:
    """Where the Engine of these tests is."""
    return os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"


def image_tree() -> bytes:
    """The image as a tar archive: busybox under all its names."""
    program = busybox()
    assert program is not None
    listed = subprocess.run([program, "--list"], check=True, capture_output=True, text=True)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, mode in (("bin", 0o755), ("etc", 0o755), ("tmp", 0o1777)):
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode = tarfile.DIRTYPE, mode
            tar.addfile(folder)
        tar.add(program, "bin/busybox")
        for name in set(listed.stdout.split()) - {"busybox"}:
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
        people = b"root:x:0:0::/:/bin/sh\n"
        file = tarfile.TarInfo("etc/passwd")
        file.size = len(people)
        tar.addfile(file, io.BytesIO(people))
    return packed.getvalue()
