"""A job's `container` and `services` as those of its commands."""

import shlex
from collections.abc import Mapping
from typing import Any

from pipelines.documents.github_import.report import Report

_HEALTH = {
    "--health-cmd": "command",
    "--health-interval": "interval_seconds",
    "--health-timeout": "timeout_seconds",
    "--health-retries": "retries",
}
_UNITS = {"s": 1.0, "m": 60.0}


def place_containers(
    job: Mapping[str, Any], steps: list[dict[str, Any]], pointer: str, report: Report
) -> None:
    """Give each command of a job its image, and the services beside it."""
    container = job.get("container")
    image = container.get("image") if isinstance(container, Mapping) else container
    services = job.get("services")
    commands = [step for step in steps if step["uses"] == "run_command"]
    if isinstance(image, str) and image:
        for step in commands:
            step["image"] = image
        if isinstance(container, Mapping) and set(container) - {"image"}:
            report.changed(f"{pointer}/container", "Only its image is taken over.")
    if not isinstance(services, Mapping) or not services:
        return
    if not image:
        report.left_out(
            f"{pointer}/services",
            "Services run beside commands in containers: give its steps an `image`, then services.",
        )
        return
    written = {
        str(name): _service(said, f"{pointer}/services/{name}", report)
        for name, said in services.items()
        if isinstance(said, Mapping) and isinstance(said.get("image"), str)
    }
    for step in commands:
        step["services"] = written
    report.changed(f"{pointer}/services", "They start anew beside each command of the job.")


def _service(said: Mapping[str, Any], pointer: str, report: Report) -> dict[str, Any]:
    written: dict[str, Any] = {"image": said["image"]}
    if isinstance(said.get("env"), Mapping):
        written["env"] = dict(said["env"])
    if said.get("ports"):
        report.changed(f"{pointer}/ports", "Commands reach the service by its name, at every port.")
    check = _check(str(said.get("options") or ""))
    if check:
        written["healthcheck"] = check
    return written


def _check(options: str) -> dict[str, Any]:
    try:
        words = iter(shlex.split(options))
    except ValueError:
        return {}
    found: dict[str, Any] = {}
    for word in words:
        name, is_joined, value = word.partition("=")
        if name in _HEALTH:
            found[_HEALTH[name]] = value if is_joined else next(words, "")
    if not found.get("command"):
        return {}
    for member in ("interval_seconds", "timeout_seconds"):
        if member in found:
            found[member] = _seconds(found[member])
    if "retries" in found:
        found["retries"] = int(found["retries"]) if str(found["retries"]).isdigit() else 30
    return {name: value for name, value in found.items() if value}


def _seconds(text: str) -> float:
    unit = _UNITS.get(text[-1:], 1.0)
    number = text.rstrip("sm")
    return min(300.0, float(number) * unit) if number.replace(".", "", 1).isdigit() else 0.0
