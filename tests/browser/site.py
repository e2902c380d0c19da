"""The running platform as a test sees it: its address, its people, its API, its processes."""

import contextlib
import json
import os
import signal
import urllib.request
from dataclasses import dataclass
from typing import Any

from tests.e2e.platform_process import Platform, wait_until

FINISHED = {"success", "failure", "cancelled"}


@dataclass(frozen=True, slots=True)
class Site:
    """One platform for the whole session, with the demonstration in it."""

    platform: Platform

    @property
    def url(self) -> str:
        return self.platform.url

    @property
    def facts(self) -> dict[str, Any]:
        """What the demonstration made: login, token, repository, clone."""
        facts: dict[str, Any] = json.loads((self.platform.var / "demo.json").read_text())
        return facts

    def api(self, method: str, path: str, body: object = None) -> Any:
        """Ask the REST API with the demonstration's token; fails on every refusal."""
        request = urllib.request.Request(  # noqa: S310  (our own loopback address)
            f"{self.url}/api/v1{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": f"Bearer {self.facts['token']}",
                "Content-Type": "application/json",
            },
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            text = answer.read()
        return json.loads(text) if text else None

    def pipeline(self, name: str, *commands: str, **more: object) -> dict[str, Any]:
        """A pipeline whose steps are shell commands."""
        steps = [
            {
                "name": f"Step {number}",
                "step_type": "run_command",
                "configuration": {"command": command},
            }
            for number, command in enumerate(commands, 1)
        ]
        body = {"name": name, "triggers": {"manual": {}}, "steps": steps, **more}
        made: dict[str, Any] = self.api("POST", "/devops/pipelines", body)
        return made

    def trigger(self, pipeline: dict[str, Any], **inputs: object) -> dict[str, Any]:
        """Start a run."""
        path = f"/devops/pipelines/{pipeline['id']}/trigger"
        run: dict[str, Any] = self.api("POST", path, {"inputs": inputs})
        return run

    def run(self, run_id: str) -> dict[str, Any]:
        """The run as it is now."""
        found: dict[str, Any] = self.api("GET", f"/devops/pipeline_runs/{run_id}")
        return found

    def finish(self, run: dict[str, Any], seconds: float = 60) -> dict[str, Any]:
        """The run once it is over."""

        def is_over() -> bool:
            return self.run(run["id"])["status"] in FINISHED

        wait_until(is_over, seconds, f"run {run['id']} is over")
        return self.run(run["id"])

    def kill_web(self) -> None:
        """End the web process without a word; the supervisor starts another."""
        os.kill(self.platform.children()["web"], signal.SIGKILL)

    def await_web(self) -> None:
        """Until the web process answers again."""

        def answers() -> bool:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{self.url}/healthz", timeout=2).close()  # noqa: S310
                return True
            return False

        wait_until(answers, 30, "the web process is back")
