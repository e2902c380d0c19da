"""What a template changed, put into what its installation made of it, as far as both allow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Prefer = Literal["mine", "template"]
# The pipeline's own, whatever its template is called.
_OWN = ("name", "slug")


class _Absent:
    """A member that is not there; unequal to every JSON value."""


_ABSENT = _Absent()


@dataclass(frozen=True, slots=True)
class Conflict:
    """A place that both changed, each in its own way; None: it is not there."""

    pointer: str
    mine: Any
    template: Any


@dataclass(slots=True)
class Merged:
    """The result, and the places that `prefer` decided."""

    definition: dict[str, Any]
    conflicts: list[Conflict] = field(default_factory=list)


def merge(
    base: Mapping[str, Any], mine: Mapping[str, Any], theirs: Mapping[str, Any], prefer: Prefer
) -> Merged:
    """Three definitions with every member filled in: as installed, as it is now, as wanted.

    Members of objects are merged one by one, steps by their keys; other lists and values are
    whole. What only one side changed is changed; what both changed goes as `prefer` says.
    """
    merged = Merged({})
    known = [{**each, **{name: mine[name] for name in _OWN if name in mine}}
             for each in (base, mine, theirs)]  # fmt: skip
    sides = [{**each, "steps": _by_key(each)} for each in known]
    members: dict[str, Any] = _members(merged, prefer, "", *sides)
    steps = members.pop("steps")
    order = _order(merged, prefer, *([step["key"] for step in each["steps"]] for each in known))
    merged.definition = {**members, "steps": [steps[key] for key in order if key in steps]}
    return merged


def _by_key(definition: Mapping[str, Any]) -> dict[str, Any]:
    return {step["key"]: step for step in definition["steps"]}


def _members(merged: Merged, prefer: Prefer, place: str, base: Any, mine: Any, theirs: Any) -> Any:
    found = {}
    for name in [*theirs, *(name for name in mine if name not in theirs)]:
        value = _value(
            merged, prefer, f"{place}/{name}",
            *(each.get(name, _ABSENT) for each in (base, mine, theirs)),
        )  # fmt: skip
        if value is not _ABSENT:
            found[name] = value
    return found


def _value(merged: Merged, prefer: Prefer, place: str, base: Any, mine: Any, theirs: Any) -> Any:
    if theirs in (mine, base):
        return mine
    if mine == base:
        return theirs
    if isinstance(mine, Mapping) and isinstance(theirs, Mapping):
        before = base if isinstance(base, Mapping) else {}
        return _members(merged, prefer, place, before, mine, theirs)
    shown = [None if each is _ABSENT else each for each in (mine, theirs)]
    merged.conflicts.append(Conflict(place, *shown))
    return mine if prefer == "mine" else theirs


def _order(
    merged: Merged, prefer: Prefer, base: list[str], mine: list[str], theirs: list[str]
) -> list[str]:
    """Whoever moved steps decides their order; the other side's own steps keep their places."""
    moved = [not _is_same_order(base, each) for each in (mine, theirs)]
    if moved == [True, True] and not _is_same_order(mine, theirs):
        merged.conflicts.append(Conflict("/steps", mine, theirs))
        return _woven(mine, theirs) if prefer == "mine" else _woven(theirs, mine)
    return _woven(mine, theirs) if moved[0] else _woven(theirs, mine)


def _is_same_order(one: Sequence[str], other: Sequence[str]) -> bool:
    both = set(one) & set(other)
    return [key for key in one if key in both] == [key for key in other if key in both]


def _woven(first: Sequence[str], second: Sequence[str]) -> list[str]:
    """The first, with what only the second has behind its predecessor there."""
    order = list(first)
    before = ""
    for key in second:
        if key not in order:
            order.insert(order.index(before) + 1 if before else 0, key)
        before = key
    return order
