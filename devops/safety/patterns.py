"""Patterns that people write: regular expressions and globs, both matched in linear time by RE2."""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import re2

LONGEST_PATTERN_BYTES = 512
MOST_PATTERNS = 256
DEEPEST_BRACES = 4
MOST_ALTERNATIVES = 64
_MEMORY_BYTES = 8 * 1024 * 1024

_EXPLANATIONS = (
    (
        re.compile(r"\\[1-9]|\(\?P$"),
        "Back-references are not supported: match the text twice",
    ),
    (re.compile(r"\(\?<?[=!]"), "Look-ahead and look-behind are not supported"),
    (re.compile(r"\(\?>|[*+?}]\+"), "Atomic groups and possessive quantifiers are not supported"),
    (re.compile(r"repetition size|too large"), "Repetitions are too large: 1,000 in all at most"),
)


class PatternError(ValueError):
    """The pattern cannot be used; the message says what is wrong with it."""


class Match(NamedTuple):
    """A place where a pattern matches, in characters of the searched text."""

    start: int
    end: int
    text: str


class Regex:
    """A compiled regular expression; matching takes time linear in the text, whatever it says."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self._compiled = _compile(pattern)

    def search(self, text: str) -> bool:
        """Tell whether the pattern matches anywhere in the text."""
        return bool(self._compiled.search(_encodable(text)))

    def finditer(self, text: str) -> Iterator[Match]:
        """Yield the matches from left to right, none overlapping another."""
        for found in self._compiled.finditer(_encodable(text)):
            start, end = found.span()
            yield Match(start, end, text[start:end])

    def __repr__(self) -> str:
        return f"Regex({self.pattern!r})"


class GlobSet:
    """A list of globs as one filter: `!` in front excludes, and the last glob that matches decides.

    An empty list matches everything, and so does a list that only excludes, but for what it names.

    Raises:
        PatternError: a glob is malformed, too long, or there are too many.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        self.patterns = tuple(patterns)
        if len(self.patterns) > MOST_PATTERNS:
            raise PatternError(f"More than {MOST_PATTERNS} patterns in one list")
        self._globs = [_compile_glob(pattern) for pattern in self.patterns]

    def matches(self, value: str) -> bool:
        """Tell whether the list lets a branch, tag or path through. Case matters."""
        text = _encodable(value)
        otherwise = not any(wanted for wanted, _ in self._globs)
        verdicts = (wanted for wanted, glob in reversed(self._globs) if glob.fullmatch(text))
        return next(verdicts, otherwise)

    def __repr__(self) -> str:
        return f"GlobSet({list(self.patterns)!r})"


def compile_regex(pattern: str) -> Regex:
    """Compile a regular expression in RE2's syntax.

    Raises:
        PatternError: malformed, longer than 512 bytes, or using what RE2 leaves out.
    """
    _check_length(pattern)
    return Regex(pattern)


def glob_to_regex(pattern: str) -> str:
    """Translate one glob, without a leading `!`, into an RE2 expression for a whole value.

    `*` stops at `/`, `**` crosses it, `**/` also stands for no folder at all, `?` is one character
    but `/`, `[a-z]` and `[!a-z]` are sets, `{a,b}` alternatives, a backslash takes the next
    character literally.

    Raises:
        PatternError: an unclosed set or brace, too many alternatives, a trailing backslash.
    """
    _check_length(pattern)
    return _GlobReader(pattern).read()


# Definitions repeat the same few globs: an event is held against those of every pipeline.
@lru_cache(maxsize=2048)
def _compile_glob(pattern: str) -> tuple[bool, Any]:
    wanted = not pattern.startswith("!")
    return wanted, _compile(glob_to_regex(pattern if wanted else pattern[1:]))


class _GlobReader:
    """Reads a glob from left to right, one method per construct."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._index = 0
        self._depth = 0
        self._alternatives = 0

    def read(self) -> str:
        parts = ["(?s)"]
        while self._index < len(self._pattern):
            parts.append(self._next())
        if self._depth:
            raise PatternError(f"The glob `{self._pattern}` has an unclosed `{{`: add `}}`")
        return "".join(parts)

    def _next(self) -> str:
        character = self._pattern[self._index]
        if character == "*":
            return self._stars()
        self._index += 1
        if character == "?":
            return "[^/]"
        if character == "[":
            return self._set()
        if character == "\\":
            return self._escaped()
        return self._brace(character) or _literal(character)

    def _stars(self) -> str:
        start = self._index
        while self._pattern[self._index : self._index + 1] == "*":
            self._index += 1
        if self._index - start == 1:
            return "[^/]*"
        opens_folder = start == 0 or self._pattern[start - 1] in "/{,"
        if opens_folder and self._pattern[self._index : self._index + 1] == "/":
            self._index += 1
            return "(?:.*/)?"
        return ".*"

    def _escaped(self) -> str:
        if self._index >= len(self._pattern):
            raise PatternError(
                f"The glob `{self._pattern}` ends in a backslash: remove or double it"
            )
        self._index += 1
        return _literal(self._pattern[self._index - 1])

    def _brace(self, character: str) -> str:
        if character == "{":
            self._depth += 1
            self._count_alternative()
            return "(?:"
        if character == "}" and self._depth:
            self._depth -= 1
            return ")"
        if character == "," and self._depth:
            self._count_alternative()
            return "|"
        return ""

    def _count_alternative(self) -> None:
        self._alternatives += 1
        if self._alternatives > MOST_ALTERNATIVES or self._depth > DEEPEST_BRACES:
            raise PatternError(
                f"At most {MOST_ALTERNATIVES} alternatives and {DEEPEST_BRACES} levels of braces "
                "in one glob: write several globs"
            )

    def _set(self) -> str:
        negated = self._pattern[self._index : self._index + 1] in ("!", "^")
        start = self._index + (1 if negated else 0)
        # A bracket that comes first is a member: `[]]` is the set of one bracket.
        end = self._pattern.find("]", start + 1)
        if end < 0:
            raise PatternError(
                f"The glob `{self._pattern}` has an unclosed `[`: write `\\[` or add `]`"
            )
        self._index = end + 1
        members = _set_members(self._pattern[start:end])
        return f"[^/{members}]" if negated else f"[{members}]"


def _set_members(text: str) -> str:
    parts = []
    index = 0
    while index < len(text):
        first, last = text[index], text[index]
        if text[index + 1 : index + 2] == "-" and index + 2 < len(text):
            last = text[index + 2]
            index += 2
        if last < first:
            raise PatternError(f"The range `{first}-{last}` runs backwards")
        parts.append(f"\\x{{{ord(first):x}}}-\\x{{{ord(last):x}}}")
        index += 1
    return "".join(parts)


def _literal(character: str) -> str:
    return f"\\x{{{ord(character):x}}}"


def _check_length(pattern: str) -> None:
    if len(_encodable(pattern).encode()) > LONGEST_PATTERN_BYTES:
        raise PatternError(f"A pattern may have at most {LONGEST_PATTERN_BYTES} bytes")


def _compile(pattern: str) -> Any:
    options = re2.Options()
    options.max_mem = _MEMORY_BYTES
    options.log_errors = False
    try:
        return re2.compile(_encodable(pattern), options)
    except re2.error as error:
        raise PatternError(_explain(pattern, error)) from error


def _explain(pattern: str, error: Exception) -> str:
    reason = error.args[0] if error.args else ""
    reason = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
    for clue, words in _EXPLANATIONS:
        if clue.search(reason):
            return f"{words} (in `{pattern}`)"
    return f"`{pattern}` is no regular expression: {reason}"


def _encodable(text: str) -> str:
    # One question mark for each lone surrogate: the length, and so every offset, stays the same.
    return text.encode("utf-8", "replace").decode("utf-8")
