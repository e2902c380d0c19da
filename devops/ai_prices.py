"""What models cost: the published prices of a day, and those that an account entered itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from devops.clients.anthropic.shapes import Usage
from devops.errors import Conflict

# The day of the table, kept with every settled step so that an old figure can be explained.
VERSION = "2026-11-28"


@dataclass(frozen=True, slots=True)
class Price:
    """Dollars for a million tokens."""

    input: float
    output: float

    def micro_usd(self, usage: Usage) -> int:
        """What was used costs so many millionths of a dollar.

        Writing to the prompt cache costs a quarter more than reading fresh, reading from it a
        tenth; we ask for neither, but a gateway may.
        """
        fresh = usage.input_tokens + 1.25 * usage.cache_write_tokens + 0.1 * usage.cache_read_tokens
        return round(fresh * self.input + usage.output_tokens * self.output)

    def at_most(self, input_tokens: int, output_tokens: int) -> int:
        """The most that a request of this size can cost."""
        return round(1.25 * input_tokens * self.input + output_tokens * self.output)


_PUBLISHED: Mapping[str, Price] = {
    "claude-fable-5-1": Price(10, 50),
    "claude-opus-5-5": Price(4, 20),
    "claude-opus-5": Price(5, 25),
    "claude-opus-4-8": Price(5, 25),
    "claude-opus-4-7": Price(5, 25),
    "claude-opus-4-6": Price(5, 25),
    "claude-opus-4-5": Price(5, 25),
    "claude-sonnet-5-5": Price(2, 10),
    "claude-sonnet-5": Price(2, 10),
    "claude-sonnet-4-6": Price(3, 15),
    "claude-sonnet-4-5": Price(3, 15),
    "claude-haiku-4-5": Price(1, 5),
}
_DATE_LENGTH = len("-20260101")


def price_of(model: str, settings: Mapping[str, Any]) -> Price:
    """The price of a model: the account's `settings.prices`, else the published one.

    Raises:
        Conflict: neither knows the model; without a price no budget can be kept.
    """
    own = settings.get("prices")
    if isinstance(own, Mapping) and model in own:
        return Price(float(own[model]["input"]), float(own[model]["output"]))
    dated = model[:-_DATE_LENGTH] if model[-8:].isdigit() else model
    if dated in _PUBLISHED:
        return _PUBLISHED[dated]
    raise Conflict(
        f"The price of the model {model!r} is not known, so no budget could be kept.",
        remedy="Enter it at the AI provider: settings.prices as "
        f'{{"{model}": {{"input": …, "output": …}}}}, dollars for a million tokens.',
    )


def is_price_list(value: Any) -> bool:
    """Whether a value can stand for `settings.prices`."""
    return isinstance(value, Mapping) and all(_is_price(member) for member in value.values())


def _is_price(value: Any) -> bool:
    return (
        isinstance(value, Mapping)
        and set(value) == {"input", "output"}
        and all(
            isinstance(each, int | float) and not isinstance(each, bool) and 0 <= each <= 10_000
            for each in value.values()
        )
    )
