"""Secrets taken out of a stream of output, however the stream is cut into blocks.

What is masked is defined on the whole stream: every form of a secret (``secret_forms``) in the
text without its terminal codes, and every base64 or hexadecimal form in the text whose line breaks
are joined as well. A block is let out as far as nothing that may follow could change it.
"""

import bisect
import functools
from collections.abc import Iterable, Iterator
from typing import Any

import re2

from devops.safety.secret_forms import HEAD_BYTES, MINIMUM_BYTES, forms_of

MASK = b"***"
# Output that keeps looking like the start of a secret for this long is masked unseen.
HOLD_BYTES = 1024 * 1024
_PATTERN_BYTES = 256 * 1024 * 1024


def _compile(pattern: bytes) -> Any:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.max_mem = _PATTERN_BYTES
    options.log_errors = False
    options.never_capture = True
    return re2.compile(pattern, options)


# Terminal sequences. Source: ECMA-48 §5.4 (CSI), xterm "Control Sequences" (OSC).
_CSI = rb"\[[0-?]{0,64}[ -/]{0,8}"
_OSC = rb"\][^\x07\x1b\n]{0,1000}"
_TERMINAL = _compile(
    rb"\x1b(?:" + _CSI + rb"[@-~]|" + _OSC + rb"(?:\x07|\x1b\\)|[ -/]{0,3}[0-Z\\^-~])"
)
_UNFINISHED_TERMINAL = _compile(rb"\x1b(?:" + _CSI + rb"|" + _OSC + rb"\x1b?|[ -/]{0,3})?\z")
_UNFINISHED_BYTES = 1003
_LINE_BREAK = _compile(rb"\r?\n[ \t]{0,32}|\r\z")


class Masker:
    """Masks one stream; feed it every block in order and flush it at the end.

    Values shorter than eight characters are ignored: they are refused where secrets are saved.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        values = frozenset(value for value in secrets if len(value) >= MINIMUM_BYTES)
        self._plan = _plan(values) if values else None
        self._held = b""

    def feed(self, block: bytes) -> bytes:
        """Return what is now safe to show: everything but a possible beginning of a secret."""
        if self._plan is None:
            return block
        return self._advance(self._plan, self._held + block if self._held else block, final=False)

    def flush(self) -> bytes:
        """Return what was still held back; the stream has ended."""
        if self._plan is None:
            return b""
        return self._advance(self._plan, self._held, final=True)

    def _advance(self, plan: "_Plan", raw: bytes, *, final: bool) -> bytes:
        end = len(raw) if final else _unfinished_terminal(raw)
        text = raw if end == len(raw) else raw[:end]
        shown = _View(text, _TERMINAL if b"\x1b" in text else None)
        joined = None
        ranges: list[tuple[int, int]] = []
        if plan.anything.search(shown.text) is not None:
            ranges = [shown.raw_range(*match.span()) for match in plan.forms.finditer(shown.text)]
            if plan.wrap.search(shown.text) is not None:
                joined = _View(shown.text, _LINE_BREAK)
                ranges += [
                    shown.raw_range(*joined.raw_range(*span)) for span in plan.wrapped(joined)
                ]
            ranges = _merge(ranges)
        cut = end if final else plan.settled(shown, joined)
        for start, stop in ranges:
            if start < cut < stop:
                cut = start
        return self._let_out(raw, ranges, cut)

    def _let_out(self, raw: bytes, ranges: list[tuple[int, int]], cut: int) -> bytes:
        pieces = []
        position = 0
        for start, stop in ranges:
            if stop > cut:
                break
            pieces += [raw[position:start], MASK]
            position = stop
        pieces.append(raw[position:cut])
        if len(raw) - cut > HOLD_BYTES:
            self._held = b""
            pieces.append(MASK)
        else:
            self._held = raw[cut:]
        return b"".join(pieces)


class _View:
    """A text without what a pattern removes, and the way back to positions of the text."""

    def __init__(self, source: bytes, removed: Any | None) -> None:
        self.text = source
        self.breaks: list[int] = [0]
        self._origins: list[int] = [0]
        if removed is None:
            return
        pieces = []
        position = length = 0
        for match in removed.finditer(source):
            start, stop = match.span()
            pieces.append(source[position:start])
            length += start - position
            position = stop
            self.breaks.append(length)
            self._origins.append(stop)
        pieces.append(source[position:])
        self.text = b"".join(pieces)

    def raw(self, position: int) -> int:
        """Return where a byte of the view stands in the source."""
        piece = bisect.bisect_right(self.breaks, position) - 1
        return self._origins[piece] + position - self.breaks[piece]

    def raw_range(self, start: int, stop: int) -> tuple[int, int]:
        """Return the range of the source from the first to the last byte of a range."""
        return self.raw(start), self.raw(stop - 1) + 1

    def first_break(self, start: int) -> int | None:
        """Return the first position after ``start`` where something was removed."""
        piece = bisect.bisect_right(self.breaks, start)
        return self.breaks[piece] if piece < len(self.breaks) else None


class _Plan:
    """The compiled patterns for one set of secrets."""

    def __init__(self, plain: frozenset[bytes], wrapped: frozenset[bytes]) -> None:
        # RE2 prefers the earlier alternative: the longest form goes first.
        every = sorted(plain | wrapped, key=lambda form: (-len(form), form))
        foldable = sorted(wrapped, key=lambda form: (-len(form), form))
        forms = _any_of(every)
        heads = _any_of(sorted({form[:HEAD_BYTES] for form in foldable}))
        wrap = rb"(?:" + heads + rb")[A-Za-z0-9+/=_-]*(?:\r?\n|\r\z)"
        self.forms = _compile(forms)
        self.wrap = _compile(wrap)
        self.anything = _compile(forms + rb"|" + wrap)
        self._foldable = _compile(_any_of(foldable))
        self._every_start = _Starts(every)
        self._foldable_start = _Starts(foldable)

    def wrapped(self, joined: _View) -> Iterator[tuple[int, int]]:
        """Yield the forms in the joined text that a line break goes through."""
        position = 0
        while (match := self._foldable.search(joined.text, position)) is not None:
            start, stop = match.span()
            broken = joined.first_break(start)
            if broken is not None and broken < stop and broken - start < HEAD_BYTES:
                position = start + 1
                continue
            yield start, stop
            position = stop

    def settled(self, shown: _View, joined: _View | None) -> int:
        """Return the raw position from which more output could still complete a form."""
        begun = next(self._every_start.in_end_of(shown.text), None)
        cut = shown.raw(len(shown.text)) if begun is None else shown.raw(begun)
        if joined is None:
            return cut
        for start in self._foldable_start.in_end_of(joined.text):
            broken = joined.first_break(start)
            if broken is None or broken - start >= HEAD_BYTES:
                return min(cut, shown.raw(joined.raw(start)))
        return cut


class _Starts:
    """Finds where the end of a text is the beginning, and not yet the whole, of a form."""

    def __init__(self, forms: list[bytes]) -> None:
        self._longest = len(forms[0])
        self._by_head: dict[bytes, list[bytes]] = {}
        for form in forms:
            self._by_head.setdefault(form[:HEAD_BYTES], []).append(form)
        self._head = _compile(_any_of(sorted(self._by_head)))
        self._short = {form[:length] for form in forms for length in range(1, HEAD_BYTES)}

    def in_end_of(self, text: bytes) -> Iterator[int]:
        """Yield every such position, first to last."""
        begin = max(0, len(text) - self._longest + 1)
        tail = text[begin:]
        position = 0
        while (match := self._head.search(tail, position)) is not None:
            start = match.start()
            rest = tail[start:]
            if any(
                len(form) > len(rest) and form.startswith(rest)
                for form in self._by_head[rest[:HEAD_BYTES]]
            ):
                yield begin + start
            position = start + 1
        for length in range(min(HEAD_BYTES - 1, len(tail)), 0, -1):
            if tail[-length:] in self._short:
                yield len(text) - length


@functools.lru_cache(maxsize=64)
def _plan(values: frozenset[str]) -> _Plan:
    pairs = [forms_of(value) for value in values]
    plain = frozenset[bytes]().union(*(pair[0] for pair in pairs))
    wrapped = frozenset[bytes]().union(*(pair[1] for pair in pairs))
    return _Plan(plain, wrapped)


def _any_of(literals: Iterable[bytes]) -> bytes:
    return b"|".join(b"".join(b"\\x%02x" % byte for byte in literal) for literal in literals)


def _unfinished_terminal(raw: bytes) -> int:
    begin = max(0, len(raw) - _UNFINISHED_BYTES)
    if raw.find(b"\x1b", begin) < 0:
        return len(raw)
    match = _UNFINISHED_TERMINAL.search(raw, begin)
    return len(raw) if match is None else int(match.start())


def _merge(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, stop in sorted(ranges):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
        else:
            merged.append((start, stop))
    return merged
