"""A step's matrix: the combinations of values that the step is executed for."""

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

# Members of a matrix that are no dimension of it.
RESERVED = ("include", "exclude", "fail_fast", "max_parallel")
MOST_COMBINATIONS = 256
# Before `exclude` takes any away; bounds the work of comparing.
_MOST_PRODUCTS = 1024
MOST_PARALLEL = 64
DEFAULT_PARALLEL = 4


class MatrixError(ValueError):
    """The matrix has no usable combinations; `member` is the part of it that is to blame."""

    def __init__(self, member: str, message: str) -> None:
        super().__init__(message)
        self.member = member
        self.message = message


def dimensions(matrix: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values by dimension, in the order in which they were written."""
    return {name: values for name, values in matrix.items() if name not in RESERVED}


def combinations(matrix: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the combinations of an evaluated matrix, in order; none for an empty matrix.

    The first dimension varies slowest. `exclude` takes away what has all its values; then each
    entry of `include` extends the combinations whose values it does not change, or is one itself.

    Raises:
        MatrixError: a dimension is no list of plain values, nothing is left, or there are too many.
    """
    values = dimensions(matrix)
    included, excluded = _entries(matrix, "include"), _entries(matrix, "exclude")
    if not values and not included:
        if excluded:
            raise MatrixError("exclude", "There are no combinations to exclude from")
        return []
    found = _product(values)
    for entry in excluded:
        _check_names(entry, values)
    kept = [each for each in found if not any(_has(each, entry) for entry in excluded)]
    if len(kept) > MOST_COMBINATIONS:
        raise MatrixError("", f"The matrix has more than {MOST_COMBINATIONS} combinations")
    made = _included(kept, included, set(values))
    if not made:
        raise MatrixError("exclude", "`exclude` leaves no combination")
    if len(made) > MOST_COMBINATIONS:
        raise MatrixError("", f"The matrix has more than {MOST_COMBINATIONS} combinations")
    return made


def member_names(matrix: Mapping[str, Any]) -> list[str] | None:
    """Return the names below `matrix.` in expressions; None when only evaluation can tell."""
    names = list(dimensions(matrix))
    included = matrix.get("include")
    if isinstance(included, str):
        return None
    for entry in included if isinstance(included, list) else ():
        names += [name for name in entry if name not in names] if _is_object(entry) else []
    return names


def label(combination: Mapping[str, Any]) -> str:
    """Return a combination in words, as it stands behind the name of its step."""
    return ", ".join(_word(value) for value in combination.values())


def _product(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    if not values:
        return []
    count = 1
    for name, members in values.items():
        if not isinstance(members, list) or not members:
            raise MatrixError(name, f"`{name}` must be a list of at least one value")
        if not all(_is_plain(member) for member in members):
            raise MatrixError(name, f"`{name}` may hold text, numbers and booleans only")
        count *= len(members)
        if count > _MOST_PRODUCTS:
            message = f"The matrix has more than {_MOST_PRODUCTS} combinations before `exclude`"
            raise MatrixError(name, message)
    return [dict(zip(values, each, strict=True)) for each in product(*values.values())]


def _entries(matrix: Mapping[str, Any], member: str) -> list[dict[str, Any]]:
    written = matrix.get(member)
    if written is None:
        return []
    is_usable = isinstance(written, list) and all(
        _is_object(entry) and entry and all(map(_is_plain, entry.values())) for entry in written
    )
    if not is_usable:
        raise MatrixError(member, f"`{member}` must be a list of objects with plain values")
    return list(written)


def _check_names(entry: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    unknown = next((name for name in entry if name not in values), None)
    if unknown is not None:
        known = ", ".join(values) or "none"
        raise MatrixError("exclude", f"`exclude` names `{unknown[:80]}` (dimensions: {known})")


def _included(
    kept: list[dict[str, Any]], included: list[dict[str, Any]], names: set[str]
) -> list[dict[str, Any]]:
    originals = [(dict(each), each) for each in kept]
    added: list[dict[str, Any]] = []
    for entry in included:
        fixed = {name: value for name, value in entry.items() if name in names}
        fitting = [grown for original, grown in originals if _has(original, fixed)]
        for grown in fitting:
            grown.update(entry)
        if not fitting:
            added.append(dict(entry))
    return [*kept, *added]


def _has(combination: Mapping[str, Any], entry: Mapping[str, Any]) -> bool:
    return all(
        name in combination and _same(combination[name], value) for name, value in entry.items()
    )


def _same(left: Any, right: Any) -> bool:
    # In Python, true is 1.
    return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int | float | bool)


def _is_object(value: Any) -> bool:
    return isinstance(value, Mapping)


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)


def static_error(matrix: Mapping[str, Any]) -> MatrixError | None:
    """Return what is wrong with a matrix, as far as it can be said before a run exists."""
    if any(_holds_expression(value) for value in matrix.values()):
        return None
    try:
        if not combinations(matrix):
            return MatrixError("", "The matrix has no values")
    except MatrixError as error:
        return error
    return None


def _holds_expression(value: Any) -> bool:
    return any("${{" in text for text in _texts(value))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for member in value.values():
            yield from _texts(member)
    elif isinstance(value, list):
        for member in value:
            yield from _texts(member)
