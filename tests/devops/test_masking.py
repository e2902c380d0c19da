"""No form of a secret leaves the masker, however the output is written or cut."""

import base64
import itertools
import json
import shlex
import textwrap
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devops.safety.masking import HOLD_BYTES, Masker

SECRET = "s3cr3t/Va+lue==&%x'\"y"
PLAIN = "hunter2-correct-horse"
MULTI = "-----BEGIN KEY-----\nMIIEpAIBAAKCAQEA7\nab\nzZ9+/secondline==\n-----END KEY-----"
SECRETS = (SECRET, PLAIN, MULTI)


def mask(blocks: Iterable[bytes], secrets: Iterable[str] = SECRETS) -> bytes:
    masker = Masker(secrets)
    return b"".join([*(masker.feed(block) for block in blocks), masker.flush()])


def b64(raw: bytes) -> bytes:
    return base64.b64encode(raw)


TRICKS = {
    "raw": SECRET.encode(),
    "raw of several lines": MULTI.encode(),
    "several lines from a terminal": MULTI.replace("\n", "\r\n").encode(),
    "one line of several": b"MIIEpAIBAAKCAQEA7",
    "base64, first alignment": b64(SECRET.encode()),
    "base64, second alignment": b64(b"x" + SECRET.encode() + b"tail"),
    "base64, third alignment": b64(b"xy" + SECRET.encode() + b"tail!"),
    "base64url": base64.urlsafe_b64encode(b"?" + SECRET.encode()),
    "double base64": b64(b64(b"TOKEN=" + SECRET.encode() + b"\n")),
    "double base64, shifted": b64(b"a" + b64(b"TOKEN=1" + SECRET.encode() + b"\n")),
    "url": quote(SECRET, safe="").encode(),
    "url with the slash left": quote(SECRET).encode(),
    "url in lower case": quote(SECRET, safe="").lower().replace("va", "Va").encode(),
    "form": quote_plus(SECRET).encode(),
    "json": json.dumps(SECRET).encode(),
    "json of several lines": json.dumps({"key": MULTI}).encode(),
    "json within json": json.dumps(json.dumps(SECRET)).encode(),
    "shell": shlex.quote(SECRET).encode(),
    "hexadecimal": SECRET.encode().hex().encode(),
    "upper hexadecimal": SECRET.encode().hex().upper().encode(),
    "reversed": SECRET[::-1].encode(),
    "wrapped base64": base64.encodebytes(b"x" * 50 + SECRET.encode() + b"y" * 50),
    "narrow base64": b"\n".join(
        part.encode() for part in textwrap.wrap(b64(SECRET.encode()).decode(), 9)
    ),
    "wrapped base64, indented": b"\r\n  ".join(
        part.encode() for part in textwrap.wrap(b64(b"z" + SECRET.encode() * 3).decode(), 20)
    ),
    "wrapped hexadecimal": b"\n".join(
        part.encode() for part in textwrap.wrap(SECRET.encode().hex(), 16)
    ),
    "terminal codes": b"\x1b[31mhunter2\x1b[0;1m-correct\x1b]8;;http://x\x07-horse",
    "a terminal code after every character": b"\x1b[m".join(bytes([b]) for b in PLAIN.encode()),
    "a terminal code and a wrap": b64(PLAIN.encode())[:8]
    + b"\x1b[0m\r\n\x1b[1m"
    + b64(PLAIN.encode())[8:],
}


def leaks(shown: bytes) -> list[bytes]:
    """Return the pieces of six characters of any known form that are still to be read."""
    forms = [SECRET.encode(), PLAIN.encode(), b64(SECRET.encode()), SECRET.encode().hex().encode()]
    forms += [b64(PLAIN.encode()), b"MIIEpAIBAAKCAQEA7", quote(SECRET, safe="").encode()]
    return [
        form[at : at + 6]
        for form in forms
        for at in range(len(form) - 5)
        if form[at : at + 6] in shown
    ]


@pytest.mark.parametrize("trick", TRICKS)
def test_a_known_trick_shows_nothing(trick: str) -> None:
    shown = mask([b"before " + TRICKS[trick] + b" after\n"])
    assert b"***" in shown
    assert not leaks(shown), shown
    if "base64" not in trick:
        assert shown.strip(b'"\\').startswith(b"before ")
        assert shown.endswith(b" after\n")


@pytest.mark.parametrize("trick", TRICKS)
def test_a_trick_written_byte_by_byte_is_masked_the_same(trick: str) -> None:
    text = b"before " + TRICKS[trick] + b" after\n"
    assert mask(bytes([byte]) for byte in text) == mask([text])


PIECES = st.one_of(
    st.sampled_from(sorted(TRICKS.values())),
    st.sampled_from(
        [PLAIN.encode()[:7], b"-horse", b"\x1b", b"\x1b[", b"\r", b"\n", b"\n  ", b"s"]
    ),
    st.sampled_from([b64(PLAIN.encode())[:5], b64(PLAIN.encode())[5:], b"\x1b]0;title\x07"]),
    st.binary(max_size=8),
    st.text(alphabet="abc \n", max_size=12).map(str.encode),
)


@settings(max_examples=400, deadline=None)
@given(pieces=st.lists(PIECES, max_size=12), data=st.data())
def test_any_cutting_gives_the_same_output(pieces: list[bytes], data: st.DataObject) -> None:
    text = b"".join(pieces)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=20)))
    edges = [0, *cuts, len(text)]
    blocks = [text[a:b] for a, b in itertools.pairwise(edges)]
    assert mask(blocks) == mask([text])


@settings(max_examples=200, deadline=None)
@given(text=st.binary(max_size=300))
def test_output_without_a_secret_is_left_alone(text: bytes) -> None:
    assert mask([text], ["a-value-that-nobody-writes"]) == text


def test_a_whole_line_is_let_out_at_once() -> None:
    masker = Masker(SECRETS)
    assert masker.feed(b"Compiling powernode\n") == b"Compiling powernode\n"
    assert masker.feed(b"no newline yet, ok?") == b"no newline yet, ok?"


def test_only_a_possible_beginning_is_held_back() -> None:
    masker = Masker([PLAIN])
    assert masker.feed(b"token: hunter2-cor") == b"token: "
    assert masker.feed(b"nered\n") == b"hunter2-cornered\n"
    assert masker.flush() == b""


def test_an_endless_beginning_holds_bounded_memory_and_stays_masked() -> None:
    masker = Masker([PLAIN])
    shown = masker.feed(b"hunter2-correct")
    block = b"\x1b[0m" * 65536
    for _ in range(HOLD_BYTES // len(block) + 2):
        shown += masker.feed(block)
    assert shown.startswith(b"***")
    assert b"hunter2" not in shown + masker.flush()


def test_short_values_and_no_values_mask_nothing() -> None:
    assert mask([b"short abc"], ["abc", ""]) == b"short abc"
    assert mask([b"anything"], []) == b"anything"


def test_adjacent_secrets_are_masked_each() -> None:
    assert mask([PLAIN.encode() * 2 + b"\n"]) == b"******\n"


def test_invalid_utf_8_and_nul_bytes_pass_unchanged() -> None:
    block = bytes(range(256)) * 3
    assert mask([block]) == block
