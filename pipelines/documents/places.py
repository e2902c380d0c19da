"""The steps of a document as the linter meets them: each with its pointer and what came before."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from pipelines.documents.keys import step_key
from pipelines.documents.vocabulary import MOST_STEPS


@dataclass(frozen=True)
class StepPlace:
    """A step, its JSON pointer, its key, and the keys of the steps that are finished by then."""

    step: Mapping[str, Any]
    pointer: str
    key: str
    earlier: tuple[str, ...]
    is_group: bool = False


def step_places(document: Mapping[str, Any]) -> Iterator[StepPlace]:
    """Yield groups and steps in order; what is too broken to be a step is left out.

    Steps beyond the number that a pipeline may have are left out too: the schema refuses them, and
    each costs more than the one before.
    """
    yield from islice(_places(document), 2 * MOST_STEPS)


def _places(document: Mapping[str, Any]) -> Iterator[StepPlace]:
    earlier: tuple[str, ...] = ()
    for name in ("steps", "finally"):
        for index, step in _objects(document.get(name)):
            here = StepPlace(
                step, f"/{name}/{index}", _key(step), earlier, is_group="parallel" in step
            )
            yield here
            keys = [here.key]
            if here.is_group:
                members = [
                    StepPlace(member, f"{here.pointer}/parallel/{position}", _key(member), earlier)
                    for position, member in _objects(step["parallel"])
                ]
                yield from members
                keys = [member.key for member in members]
            earlier = (*earlier, *keys)


def _objects(value: Any) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for index, item in enumerate(value if isinstance(value, list) else ()):
        if isinstance(item, Mapping):
            yield index, item


def _key(step: Mapping[str, Any]) -> str:
    key, name = step.get("key"), step.get("name")
    if isinstance(key, str) and key:
        return key
    return step_key(name) if isinstance(name, str) else ""
