"""`hashFiles()`: one hash of the files of a workspace that match some globs."""

import os
import stat
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

from devops.safety.beneath import PathNotAllowedError, files_beneath, open_beneath
from devops.safety.patterns import GlobSet, PatternError
from pipelines.expressions import ExpressionError

_FILES_MAX = 10_000
_BYTES_MAX = 1024**3
_BLOCK_BYTES = 1024 * 1024


def hash_files(root: Path) -> Callable[..., str]:
    """Return the function for a workspace: hexadecimal SHA-256, empty when nothing matches.

    Links are neither followed nor hashed, so nothing outside of the folder is ever read.
    """

    def function(*patterns: Any) -> str:
        try:
            globs = GlobSet([str(pattern) for pattern in patterns])
        except PatternError as error:
            raise ExpressionError(f"hashFiles(): {error}") from error
        return _hash(root, globs)

    return function


def _hash(root: Path, globs: GlobSet) -> str:
    whole, files, size = sha256(), 0, 0
    for path, status in files_beneath(root):
        if not stat.S_ISREG(status.st_mode) or not globs.matches(path):
            continue
        files += 1
        size += status.st_size
        if files > _FILES_MAX or size > _BYTES_MAX:
            raise ExpressionError(
                f"hashFiles(): more than {_FILES_MAX} files or {_BYTES_MAX} bytes match"
            )
        whole.update(_file_hash(root, path))
    return whole.hexdigest() if files else ""


def _file_hash(root: Path, path: str) -> bytes:
    try:
        descriptor = open_beneath(root, path)
    except (OSError, PathNotAllowedError) as error:
        raise ExpressionError(f"hashFiles(): {path[:200]} cannot be read") from error
    digest = sha256()
    with os.fdopen(descriptor, "rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.digest()
