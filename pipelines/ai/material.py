"""What a model is given to read: gathered without following links, bounded, fenced, labelled.

All of it was written by others. It stands between marks that its writers cannot know.
"""

import hashlib
import stat
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from devops.safety.beneath import PathNotAllowedError, files_beneath, open_beneath, parts_of
from devops.safety.patterns import GlobSet

# Where secrets are usually kept; a model never sees these, whoever asks for them.
PRIVATE = GlobSet([
    ".git", "**/.git", "**/.git/**", "**/.env*", "**/*.pem", "**/*.key", "**/*.p12", "**/*.pfx",
    "**/id_rsa*", "**/id_ed25519*", "**/id_ecdsa*", "**/.netrc", "**/.npmrc", "**/.pypirc",
    "**/.docker/config.json", "**/.aws/**", "**/.ssh/**", "**/*credentials*", "**/*.keystore",
])  # fmt: skip
_INLINE_CHARACTERS = 200
_MOST_FILES = 200
_MOST_SEEN = 20_000
_BINARY_LOOK = 8192


@dataclass(slots=True)
class Material:
    """Pieces of text by label, up to a number of bytes altogether.

    Attributes:
        mask: takes the run's secrets out before anything is kept.
        salt: makes the marks; nobody who writes the material knows it.
    """

    limit: int
    mask: Callable[[bytes], bytes]
    salt: str
    pieces: list[tuple[str, str]] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    _used: int = 0

    def add(self, label: str, text: str) -> None:
        """Keep a piece, cut to what is left; what does not fit is named."""
        data = self.mask(text.encode("utf-8", errors="replace"))
        room = self.limit - self._used
        if room <= 0:
            self.left_out.append(label)
            return
        kept = data[:room]
        self._used += len(kept)
        words = kept.decode(errors="replace")
        if len(data) > room:
            words += f"\n[cut here: {len(data) - room} bytes left out]"
        self.pieces.append((label, words))

    def fenced(self) -> str:
        """All pieces between their marks."""
        return "\n\n".join(fence(label, text, self.salt) for label, text in self.pieces)


def fence(label: str, text: str, salt: str) -> str:
    """A text between marks that it cannot contain: they depend on it and on the salt."""
    mark = hashlib.sha256(f"{salt}\0{label}\0{text}".encode()).hexdigest()[:16]
    name = one_line(label, 200).replace('"', "'").replace("<", "(").replace(">", ")")
    return f'<material-{mark} name="{name}">\n{text}\n</material-{mark}>'


def one_line(text: str, limit: int = _INLINE_CHARACTERS) -> str:
    """A text without line breaks and control characters, at most so long."""
    plain = "".join(
        " " if unicodedata.category(sign)[0] in "CZ" else sign for sign in text[: limit * 4]
    )
    return " ".join(plain.split())[:limit]


def inline(values: Mapping[str, Any], material: Material) -> dict[str, Any]:
    """Values as a template may contain them: short ones on one line, long ones as material."""
    shown: dict[str, Any] = {}
    for name, value in values.items():
        if not isinstance(value, str):
            shown[name] = value if isinstance(value, int | float | bool) else one_line(str(value))
        elif len(value) > _INLINE_CHARACTERS or "\n" in value:
            material.add(name, value)
            shown[name] = f'(see the material named "{name}")'
        else:
            data = material.mask(value.encode("utf-8", errors="replace"))
            shown[name] = one_line(data.decode(errors="replace"))
    return shown


def readable_paths(workspace: Path, patterns: Iterable[str]) -> Iterator[str]:
    """The plain files below the workspace that match, without private ones, in order."""
    globs = GlobSet(patterns)
    for path, status in islice(files_beneath(workspace), _MOST_SEEN):
        if stat.S_ISREG(status.st_mode) and globs.matches(path) and not is_private(path):
            yield path


def is_private(path: str) -> bool:
    """Whether a path is one that no model reads."""
    return PRIVATE.matches(path) or PRIVATE.matches(f"x/{path}")


def read_text(workspace: Path, path: str, limit: int) -> str | None:
    """A file's text up to a number of bytes; None when it is not text.

    Raises:
        PathNotAllowedError: it leaves the workspace, runs through a link, or is private.
        OSError: there is no such file.
    """
    # In its plain form: `.env/` and `./.env` open the same file as `.env`.
    plain = "/".join(parts_of(path))
    if is_private(plain):
        raise PathNotAllowedError(f"Not for models: {path!r}")
    with open(open_beneath(workspace, plain), "rb") as file:  # noqa: PTH123  (a descriptor)
        data = file.read(limit)
    if b"\0" in data[:_BINARY_LOOK]:
        return None
    return data.decode("utf-8", errors="replace")


def add_files(material: Material, workspace: Path, patterns: Iterable[str]) -> int:
    """Add the files that match; the number of those added."""
    count = 0
    for path in readable_paths(workspace, patterns):
        if count >= _MOST_FILES:
            material.left_out.append(f"files after {path}")
            break
        try:
            text = read_text(workspace, path, material.limit + 1)
        except (OSError, PathNotAllowedError):
            # It went away or became a link while we looked.
            continue
        if text is not None:
            material.add(f"file {path}", text)
            count += 1
    return count
