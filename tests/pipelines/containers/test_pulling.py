"""An image that the host does not have is pulled first, from a registry of the test's own."""

import gzip
import hashlib
import json
import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from pipelines.choices import RunStatus
from pipelines.engine.control import RunControl
from tests.engine_image import image_tree
from tests.pipelines.conftest import Workshop, last, log_of, step
from tests.pipelines.containers.conftest import on_engine

pytestmark = pytest.mark.docker
_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


class Registry:
    """One image in a registry on loopback. Source: distribution, "HTTP API V2"."""

    def __init__(self) -> None:
        tree = image_tree()
        layer = gzip.compress(tree, 1)
        config = json.dumps(
            {
                "architecture": "amd64", "os": "linux", "config": {},
                "rootfs": {"type": "layers", "diff_ids": [_digest(tree)]},
                "history": [{"created_by": "tests"}],
            }
        ).encode()  # fmt: skip
        self.blobs = {_digest(layer): layer, _digest(config): config}
        kind = "application/vnd.docker.image.rootfs.diff.tar.gzip"
        self.manifest = json.dumps(
            {
                "schemaVersion": 2, "mediaType": _MANIFEST,
                "config": _entry(config, "application/vnd.docker.container.image.v1+json"),
                "layers": [_entry(layer, kind)],
            }
        ).encode()  # fmt: skip
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.was_asked = threading.Event()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())

    @property
    def image(self) -> str:
        return f"127.0.0.1:{self.server.server_port}/team/{uuid.uuid4().hex[:8]}:1"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        registry = self

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                self.do_GET()

            def do_GET(self) -> None:
                registry.was_asked.set()
                registry.may_answer.wait()
                found = registry.answer(self.path)
                body, kind = found or (b"{}", "application/json")
                self.send_response(200 if found else 404)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                if kind == _MANIFEST:
                    self.send_header("Docker-Content-Digest", _digest(body))
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        return Handler

    def answer(self, path: str) -> tuple[bytes, str] | None:
        """Body and kind of an address, or None."""
        if path == "/v2/":
            return b"{}", "application/json"
        _, _, rest = path.partition("/manifests/")
        if rest in {"1", _digest(self.manifest)}:
            return self.manifest, _MANIFEST
        blob = self.blobs.get(path.rpartition("/")[2])
        return (blob, "application/octet-stream") if blob is not None else None


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _entry(data: bytes, kind: str) -> dict[str, Any]:
    return {"mediaType": kind, "size": len(data), "digest": _digest(data)}


@pytest.fixture
def registry() -> Iterator[Registry]:
    made = Registry()
    thread = threading.Thread(target=made.server.serve_forever)
    thread.start()
    yield made
    made.may_answer.set()
    made.server.shutdown()
    made.server.server_close()
    thread.join()


def test_an_image_is_pulled_once_and_the_log_says_so(
    workshop: Workshop, image: str, registry: Registry
) -> None:
    wanted = registry.image

    run = workshop.run(step("one", "echo works", image=wanted), step("two", image=wanted))

    assert run.status == RunStatus.SUCCESS, run.error_message
    lines = log_of(run, "one").splitlines()
    assert lines[0] == f"Pulling {wanted} ..."
    assert lines[1].startswith(f"Pulled {wanted} in ")
    assert lines[2:] == ["works"]
    assert log_of(run, "two") == ""
    on_engine("rmi", wanted)


def test_a_registry_without_the_image_is_told(
    workshop: Workshop, image: str, registry: Registry
) -> None:
    wanted = registry.image.removesuffix(":1") + ":2"

    run = workshop.run(step("one", image=wanted))

    assert last(run, "one").reason == "image"
    assert f"The image {wanted} could not be pulled" in last(run, "one").error_message


def test_a_cancel_does_not_wait_for_a_slow_registry(
    workshop: Workshop, image: str, registry: Registry
) -> None:
    registry.may_answer.clear()
    run = workshop.trigger(workshop.pipeline(step("one", image=registry.image)))
    control = RunControl()

    def cancel() -> None:
        registry.was_asked.wait(20)
        control.stop("cancelled")

    threading.Thread(target=cancel).start()
    run = workshop.execute(run, control)

    assert run.status == RunStatus.CANCELLED
    assert log_of(run, "one").startswith("Pulling ")
