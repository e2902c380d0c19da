"""Prompts are Liquid templates: rendered without files, within bounds, from plain data alone."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from liquid import Environment, StrictUndefined, Undefined
from liquid.exceptions import LiquidError

from devops.errors import Invalid

MOST_BYTES = 64 * 1024
_MOST_OUTPUT = 1024 * 1024
_MOST_LOOPS = 10_000
# Tags that read other templates; there are none to read.
_FILE_TAGS = ("include", "render")


class _Bounded(Environment):
    loop_iteration_limit = _MOST_LOOPS
    output_stream_limit = _MOST_OUTPUT
    local_namespace_limit = _MOST_OUTPUT


def render(content: str, variables: Mapping[str, Any], *, strict: bool = False) -> str:
    """The text of a template; an unknown variable is empty, or refused when `strict`.

    Raises:
        Invalid: the syntax is wrong, a variable is unknown (`strict`), or it grows too large.
    """
    try:
        text: str = _environment(strict=strict).from_string(content).render(**variables)
    except (LiquidError, RecursionError) as error:
        raise _refusal(error) from error
    return text


def variables_of(content: str) -> list[str]:
    """The names that a template reads from outside, sorted.

    Raises:
        Invalid: the syntax is wrong.
    """
    try:
        found = _environment(strict=False).from_string(content).analyze(include_partials=False)
    except (LiquidError, RecursionError) as error:
        raise _refusal(error) from error
    return sorted(found.globals)


@cache
def _environment(*, strict: bool) -> Environment:
    made = _Bounded(undefined=StrictUndefined if strict else Undefined)
    for name in _FILE_TAGS:
        del made.tags[name]
    return made


def _refusal(error: Exception) -> Invalid:
    words = str(error).splitlines()[0][:300] if str(error) else type(error).__name__
    return Invalid.field(
        "/content", f"The template cannot be rendered: {words}", code="template",
        remedy="Templates are Liquid: {{ variable }}, {% if variable %}…{% endif %}.",
    )  # fmt: skip
