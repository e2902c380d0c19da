"""The written forms in which a secret shows up in output: encodings, escapes, reversals."""

import base64
import functools
import html
import json
import re
import shlex
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

MINIMUM_BYTES = 8
# Longer values get the common forms only: the automaton grows with every byte of every form.
LONG_BYTES = 256
# A wrapped text is recognised from this many characters on its first line.
HEAD_BYTES = 4
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_ESCAPE = re.compile(rb"%[0-9A-F]{2}")
_SHELL_SPECIAL = re.compile(r"([^A-Za-z0-9_./:=@%+,-])")


def plain_forms(value: str) -> set[bytes]:
    """Return the forms that stand within one stretch of output, the value itself included."""
    forms: set[bytes] = set()
    for text in (value, *_long_lines(value)):
        raw = text.encode(errors="surrogateescape")
        forms |= {raw, raw[::-1], raw.replace(b"\n", b"\r\n")}
    forms |= {form.encode(errors="surrogateescape") for form in _escaped(value)}
    forms |= set(_percent(value))
    return {form for form in forms if len(form) >= MINIMUM_BYTES}


def wrapped_forms(value: str) -> set[bytes]:
    """Return the forms that programs break over lines: base64 and hexadecimal."""
    forms: set[bytes] = set()
    for text in (value, *_long_lines(value)):
        raw = text.encode(errors="surrogateescape")
        once = set(_base64_cores(raw))
        forms |= once | {raw.hex().encode(), raw.hex().upper().encode()}
        if len(raw) <= LONG_BYTES:
            forms |= {twice for core in once for twice in _base64_cores(core)}
    forms |= {form.translate(_URL_SAFE) for form in forms}
    # A line may end within the first characters of a form; the rest is then a form of its own.
    forms |= {
        form[start:] for form in forms if len(form) <= LONG_BYTES for start in range(1, HEAD_BYTES)
    }
    return {form for form in forms if len(form) >= MINIMUM_BYTES}


def _long_lines(value: str) -> list[str]:
    if "\n" not in value:
        return []
    lines = (line.strip() for line in value.splitlines())
    return [line for line in lines if len(line.encode(errors="replace")) >= MINIMUM_BYTES]


def _base64_cores(raw: bytes) -> Iterator[bytes]:
    """Yield what every base64 text that contains ``raw`` must contain, whatever stands around."""
    yield base64.b64encode(raw)
    for lead, dropped in ((0, 0), (1, 2), (2, 3)):
        encoded = base64.b64encode(b"\0" * lead + raw).rstrip(b"=")
        whole = (lead + len(raw)) * 8 // 6
        core = encoded[dropped:whole]
        if len(core) >= MINIMUM_BYTES:
            yield core


def _escaped(value: str) -> Iterator[str]:
    for ascii_only in (True, False):
        once = json.dumps(value, ensure_ascii=ascii_only)[1:-1]
        yield once
        yield once.replace("/", "\\/")
        yield json.dumps(once, ensure_ascii=ascii_only)[1:-1]
    yield repr(value)[1:-1]
    yield html.escape(value)
    yield html.escape(value, quote=False)
    yield shlex.quote(value)
    yield value.replace("'", "'\\''")
    yield _SHELL_SPECIAL.sub(r"\\\1", value)


def _percent(value: str) -> Iterator[bytes]:
    text = value.encode(errors="surrogateescape")
    quoted: Iterable[str] = (
        quote(text, safe=""),
        quote(text, safe="/"),
        quote(text, safe="!~*'()"),
        quote(text, safe=";,/?:@&=+$-_.!~*'()#"),
        quote_plus(text),
    )
    for form in quoted:
        yield form.encode()
        yield _ESCAPE.sub(_lower, form.encode())
        yield quote(form, safe="").encode()


def _lower(match: re.Match[bytes]) -> bytes:
    return match[0].lower()


@functools.lru_cache(maxsize=256)
def forms_of(value: str) -> tuple[frozenset[bytes], frozenset[bytes]]:
    """Return the plain and the wrapped forms of one value, computed once."""
    return frozenset(plain_forms(value)), frozenset(wrapped_forms(value))
