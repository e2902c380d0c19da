"""A job's `container` and `services` as those of its commands."""

import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from devops.safety.documents import join_pointer
from devops.safety.images import IMAGE_PATTERN, SERVICE_PATTERN
from pipelines.documents.github_import.translation import Roots, Translation
from pipelines.documents.vocabulary import MOST_SERVICES

_IMAGE = re.compile(IMAGE_PATTERN)
# What no stranger writes: the rest must not choose what runs.
_OURS: Roots = frozenset({"matrix", "run", "pipeline", "repository", "worker"})
_SERVICE = re.compile(SERVICE_PATTERN)
_HEALTH = {
    "--health-cmd": "command",
    "--health-interval": "interval_seconds",
    "--health-timeout": "timeout_seconds",
    "--health-retries": "retries",
}
_UNITS = {"s": 1.0, "m": 60.0}


def place_containers(
    job: Mapping[str, Any], steps: list[dict[str, Any]], pointer: str, words: Translation
) -> None:
    """Give each command of a job its image, and the services beside it."""
    container, report = job.get("container"), words.report
    written = container.get("image") if isinstance(container, Mapping) else container
    roots = _roots(job)
    image = _image(written, f"{pointer}/container", words, roots)
    services = job.get("services")
    commands = [step for step in steps if step["uses"] == "run_command"]
    if image:
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
    made = dict(_services(services, f"{pointer}/services", words, roots))
    for step in commands if made else ():
        step["services"] = made
    report.changed(f"{pointer}/services", "They start anew beside each command of the job.")


def _roots(job: Mapping[str, Any]) -> Roots:
    """What may name an image of a job: its matrix only where that is written out."""
    strategy = job.get("strategy")
    matrix = strategy.get("matrix") if isinstance(strategy, Mapping) else None
    return _OURS - {"matrix"} if "${{" in str(matrix) else _OURS


def _services(
    services: Mapping[str, Any], pointer: str, words: Translation, roots: Roots
) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, (name, said) in enumerate(services.items()):
        place = join_pointer(pointer, str(name))
        written = said.get("image") if isinstance(said, Mapping) else None
        image = _image(written, place, words, roots)
        ours = str(name).lower().replace("_", "-")
        if not image or not _SERVICE.fullmatch(ours) or number >= MOST_SERVICES:
            words.report.left_out(place, "It has no counterpart.")
            continue
        if ours != name:
            words.report.changed(place, f"Its name is {ours} here.")
        yield ours, _service(said, image, place, words)


def _image(written: Any, pointer: str, words: Translation, roots: Roots) -> str:
    """The name of an image; empty where none is given."""
    image = words.text(written, pointer, roots=roots) if isinstance(written, str) else ""
    is_whole = "''" not in image if "${{" in image else _IMAGE.fullmatch(image)
    if image and not is_whole:
        words.report.left_out(pointer, f"{image[:80]} is no name of an image.")
        return ""
    return image


def _service(
    said: Mapping[str, Any], image: str, pointer: str, words: Translation
) -> dict[str, Any]:
    written: dict[str, Any] = {"image": image}
    environment = words.environment(said.get("env"), f"{pointer}/env")
    if environment:
        written["env"] = environment
    if said.get("ports"):
        text = "Commands reach the service by its name, at every port."
        words.report.changed(f"{pointer}/ports", text)
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
        found["retries"] = min(30, int(found["retries"])) if found["retries"].isdecimal() else 30
    return {name: value for name, value in found.items() if value}


def _seconds(text: str) -> float:
    unit = _UNITS.get(text[-1:], 1.0)
    number = text.rstrip("sm")
    return min(300.0, float(number) * unit) if number.replace(".", "", 1).isdigit() else 0.0
