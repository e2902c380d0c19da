"""What can go wrong with an expression."""

_EXCERPT = 80


class ExpressionError(ValueError):
    """The expression cannot be read or evaluated; `position` is a 0-based offset into it."""

    def __init__(self, message: str, position: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.position = position

    def moved(self, by: int) -> "ExpressionError":
        """Return the same error for a source in which the expression starts `by` characters in."""
        return ExpressionError(self.message, self.position + by)

    def explain(self, source: str) -> str:
        """Return the message with the line of the source and a caret under the place."""
        position = min(max(self.position, 0), len(source))
        start = max(source.rfind("\n", 0, position) + 1, position - _EXCERPT // 2)
        line = source[start : start + _EXCERPT].split("\n", 1)[0]
        return f"{self.message}\n  {line}\n  {' ' * (position - start)}^"
