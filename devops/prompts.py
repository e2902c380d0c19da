"""Prompts are Liquid templates: rendered without files, within bounds, from plain data alone.

The library is loaded with the first prompt: it takes 15 MB of every process that has it.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from devops.errors import Invalid

if TYPE_CHECKING:
    from liquid import Environment

MOST_BYTES = 64 * 1024
_MOST_OUTPUT = 1024 * 1024
_MOST_LOOPS = 10_000
# Tags that read other templates; there are none to read.
_FILE_TAGS = ("include", "render")


def render(content: str, variables: Mapping[str, Any], *, strict: bool = False) -> str:
    """The text of a template; an unknown variable is empty, or refused when `strict`.

    Raises:
        Invalid: the syntax is wrong, a variable is unknown (`strict`), or it grows too large.
    """
    with _refused():
        text: str = _environment(strict=strict).from_string(content).render(**variables)
    return text


def variables_of(content: str) -> list[str]:
    """The names that a template reads from outside, sorted.

    Raises:
        Invalid: the syntax is wrong.
    """
    with _refused():
        found = _environment(strict=False).from_string(content).analyze(include_partials=False)
    return sorted(found.globals)


@contextmanager
def _refused() -> Iterator[None]:
    from liquid.exceptions import LiquidError  # noqa: PLC0415

    try:
        yield
    except (LiquidError, RecursionError) as error:
        raise _refusal(error) from error


@cache
def _environment(*, strict: bool) -> "Environment":
    from liquid import Environment, StrictUndefined, Undefined  # noqa: PLC0415

    class Bounded(Environment):
        loop_iteration_limit = _MOST_LOOPS
        output_stream_limit = _MOST_OUTPUT
        local_namespace_limit = _MOST_OUTPUT

    made = Bounded(undefined=StrictUndefined if strict else Undefined)
    for name in _FILE_TAGS:
        del made.tags[name]
    return made


def _refusal(error: Exception) -> Invalid:
    words = str(error).splitlines()[0][:300] if str(error) else type(error).__name__
    return Invalid.field(
        "/content", f"The template cannot be rendered: {words}", code="template",
        remedy="Templates are Liquid: {{ variable }}, {% if variable %}…{% endif %}.",
    )  # fmt: skip
