"""Searching lines of untrusted bytes in linear time, by word or by regular expression."""

from collections.abc import Iterator

import re2  # noqa: TID251 - over bytes; devops.safety.patterns serves text

PATTERN_BYTES = 512
_MEMORY_BYTES = 8 * 1024 * 1024


class SearchPatternError(ValueError):
    """The search text cannot be used."""


class LineSearch:
    """Finds the lines that hold a word (in any case) or match an RE2 expression.

    Raises:
        SearchPatternError: the text is empty, too long or no expression.
    """

    def __init__(self, text: str, *, regex: bool = False) -> None:
        raw = text.encode(errors="replace")
        if not raw or len(raw) > PATTERN_BYTES:
            raise SearchPatternError(
                f"A search text has 1 to {PATTERN_BYTES} bytes, this one has {len(raw)}."
            )
        options = re2.Options()
        options.max_mem = _MEMORY_BYTES
        options.log_errors = False
        options.never_nl = True
        options.never_capture = True
        options.case_sensitive = regex
        options.literal = not regex
        try:
            self._pattern = re2.compile(b"(?m)" + raw if regex else raw, options)
        except re2.error as error:
            raise SearchPatternError(
                f"The expression {text!r} is not understood: {error}. RE2 has no back-references "
                "and no look-around."
            ) from error

    def lines(self, text: bytes) -> Iterator[int]:
        """Yield the line (from 0) of every match, each line once, in order."""
        position = line = counted = 0
        while position < len(text):
            match = self._pattern.search(text, position)
            if match is None:
                return
            start = match.start()
            line += text.count(b"\n", counted, start)
            counted = start
            yield line
            end = text.find(b"\n", start)
            if end < 0:
                return
            position = end + 1
