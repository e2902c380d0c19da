"""How much one evaluation may cost, counted and never timed."""

from pipelines.expressions.errors import ExpressionError

LONGEST_SOURCE = 21_000
DEEPEST_NESTING = 50
MOST_STEPS = 100_000
LARGEST_RESULT_BYTES = 1_048_576
_CHARACTERS_PER_STEP = 256
_JSON_CHARACTERS_PER_STEP = 16
_MEMBERS_PER_STEP = 32


class Meter:
    """Counts the work of one evaluation."""

    def __init__(self) -> None:
        self._left = MOST_STEPS

    def spend(self, steps: int, position: int) -> None:
        """Count steps of work.

        Raises:
            ExpressionError: the evaluation has used them up.
        """
        self._left -= steps
        if self._left < 0:
            raise ExpressionError(
                f"The evaluation takes more than {MOST_STEPS:,} steps: simplify it", position
            )

    def spend_text(self, length: int, position: int) -> None:
        """Count the handling of a text of `length` characters."""
        self.spend(1 + length // _CHARACTERS_PER_STEP, position)

    def spend_json(self, length: int, position: int) -> None:
        """Count the reading or writing of a JSON text, which costs more than a plain one."""
        self.spend(1 + length // _JSON_CHARACTERS_PER_STEP, position)

    def spend_members(self, count: int, position: int) -> None:
        """Count the search through the members of one object."""
        self.spend(1 + count // _MEMBERS_PER_STEP, position)


class Output:
    """Collects text up to the size that a result may have."""

    def __init__(self, meter: Meter, position: int) -> None:
        self._meter = meter
        self._position = position
        self._parts: list[str] = []
        self._size = 0

    def add(self, text: str) -> None:
        """Append text.

        Raises:
            ExpressionError: the whole would be larger than a result may be.
        """
        self._size += len(text)
        if self._size > LARGEST_RESULT_BYTES:
            raise too_large(self._position)
        self._meter.spend_text(len(text), self._position)
        self._parts.append(text)

    def text(self) -> str:
        return "".join(self._parts)


def too_large(position: int) -> ExpressionError:
    """Return the error of a result beyond 1 MB."""
    return ExpressionError("The result is larger than 1 MB: write it to a file instead", position)
