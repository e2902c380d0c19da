"""What a schema cannot say of matrices, groups and retries."""

from collections.abc import Iterator, Mapping
from typing import Any

from devops.safety.beneath import PathNotAllowedError, parts_of
from devops.safety.json_values import join_pointer
from devops.safety.patterns import PatternError, compile_regex
from pipelines.documents.findings import Problem
from pipelines.documents.matrix import MatrixError, combinations, static_error
from pipelines.documents.places import step_places
from pipelines.documents.vocabulary import MOST_EXECUTIONS


def flow_problems(document: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what is wrong with the matrices, groups and retries of a document."""
    executions = 0
    for place in step_places(document):
        if place.is_group:
            yield from _group_problems(place.step, place.pointer)
            continue
        yield from _retry_problems(place.step.get("retry"), f"{place.pointer}/retry")
        yield from _cache_problems(place.step.get("cache"), f"{place.pointer}/cache")
        matrix = place.step.get("matrix")
        if isinstance(matrix, Mapping) and matrix:
            yield from _matrix_problems(matrix, f"{place.pointer}/matrix")
        executions += _count(matrix)
        if executions > MOST_EXECUTIONS:
            message = f"The steps come to more than {MOST_EXECUTIONS} executions together"
            yield Problem(place.pointer, "matrix", message, "Leave combinations out.")
            return


def _group_problems(step: Mapping[str, Any], pointer: str) -> Iterator[Problem]:
    members = step.get("parallel")
    if members == []:
        yield Problem(f"{pointer}/parallel", "group", "The group has no members", "Add steps.")
    for index, member in enumerate(members if isinstance(members, list) else ()):
        if isinstance(member, Mapping) and "parallel" in member:
            message = "A group cannot be a member of a group"
            place = f"{pointer}/parallel/{index}/parallel"
            remedy = "Make its members members of the outer group."
            yield Problem(place, "group", message, remedy, at_key=True)


def _retry_problems(retry: Any, pointer: str) -> Iterator[Problem]:
    causes = retry.get("on") if isinstance(retry, Mapping) else None
    for index, cause in enumerate(causes if isinstance(causes, list) else ()):
        pattern = cause.get("log") if isinstance(cause, Mapping) else None
        if isinstance(pattern, str):
            try:
                compile_regex(pattern)
            except PatternError as error:
                yield Problem(f"{pointer}/on/{index}/log", "pattern", str(error))


def _cache_problems(cache: Any, pointer: str) -> Iterator[Problem]:
    paths = cache.get("paths") if isinstance(cache, Mapping) else None
    for index, path in enumerate(paths if isinstance(paths, list) else ()):
        if not isinstance(path, str):
            continue
        try:
            is_empty = not parts_of(path.removeprefix("~/"))
        except PathNotAllowedError as error:
            yield Problem(f"{pointer}/paths/{index}", "path", str(error))
            continue
        if is_empty:
            message = "The whole folder cannot be cached"
            remedy = "Name files or folders below it."
            yield Problem(f"{pointer}/paths/{index}", "path", message, remedy)


def _matrix_problems(matrix: Mapping[str, Any], pointer: str) -> Iterator[Problem]:
    error = static_error(matrix)
    if error is not None:
        place = join_pointer(pointer, error.member) if error.member in matrix else pointer
        yield Problem(place, "matrix", error.message, at_key=place == pointer)


def _count(matrix: Any) -> int:
    if not isinstance(matrix, Mapping) or not matrix or static_error(matrix) is not None:
        return 1
    try:
        return len(combinations(matrix)) or 1
    except MatrixError:
        # Its values are known only when a run is made, which counts again.
        return 1
