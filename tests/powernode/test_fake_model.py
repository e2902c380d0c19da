"""`powernode fake-model`: what it prints is enough to speak with it."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from pytest_django.fixtures import Settings

from devops.clients.anthropic.client import Models
from devops.clients.anthropic.shapes import Access

ROOT = Path(__file__).resolve().parents[2]


def test_a_client_finds_the_model_of_a_served_fake(tmp_path: Path, settings: Settings) -> None:
    settings.POWERNODE_EGRESS_ALLOW = ("127.0.0.1",)
    process = subprocess.Popen(
        [sys.executable, "-m", "powernode", "fake-model", "--json"], cwd=ROOT, text=True,
        stdout=subprocess.PIPE, env={**os.environ, "POWERNODE_VAR": str(tmp_path / "var")},
    )  # fmt: skip
    assert process.stdout is not None
    try:
        facts = json.loads(process.stdout.readline())
        with Models(Access(facts["api_key"], facts["base_url"])) as models:
            assert models.check(facts["model"])
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
        process.stdout.close()
