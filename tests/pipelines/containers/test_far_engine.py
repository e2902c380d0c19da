"""An Engine that does not see the worker's files: they are copied in, and back."""

import ctypes
import os
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from containers.models import ContainerInstance
from pipelines.choices import RunStatus
from tests.pipelines.conftest import Workshop, in_background, last, log_of, step

pytestmark = pytest.mark.docker
_CLONE_NEWNS = 0x20000
_MS_REC_PRIVATE = 0x4000 | 0x40000


def hide(folder: Path) -> None:
    """Give this thread a file system of its own at a folder: nobody else sees what it writes.

    Source: unshare(2), mount(2).
    """
    libc = ctypes.CDLL(None, use_errno=True)
    steps = (
        libc.unshare(_CLONE_NEWNS),
        libc.mount(b"none", b"/", None, _MS_REC_PRIVATE, None),
        libc.mount(b"hidden", str(folder).encode(), b"tmpfs", 0, None),
    )
    assert steps == (0, 0, 0), os.strerror(ctypes.get_errno())


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to hide a folder from the Engine")
def test_files_are_copied_there_and_back(
    open_workshop: Workshop, image: str, settings: Settings, tmp_path: Path
) -> None:
    settings.POWERNODE_SANDBOX = "none"
    root = Path(settings.POWERNODE_WORKSPACE_ROOT)
    root.mkdir()
    run = open_workshop.trigger(open_workshop.pipeline(
        step("make", "mkdir -p d; echo one > d/a; ln -s a d/link; echo x > old; chmod +x d/a"),
        step("change", "cat d/link; id -u; test -x d/a; rm old; echo two > d/b;"
             ' echo k=v >> "$POWERNODE_OUTPUT"', image=image),
        step("see", "cat d/b; readlink d/link; test ! -e old"),
    ))  # fmt: skip

    def work() -> None:
        hide(root)
        open_workshop.execute(run)

    in_background(work).join(60)

    run.refresh_from_db()
    assert run.status == RunStatus.SUCCESS, log_of(run, "change")
    assert log_of(run, "change") == "one\n65534\n"
    assert last(run, "change").outputs["k"] == "v"
    assert log_of(run, "see") == "two\na\n"
    assert not ContainerInstance.objects.get().is_shared_folder
