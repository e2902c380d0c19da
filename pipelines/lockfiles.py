"""Which packages the lock files of a project pin. Pure: bytes in, packages out."""

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from devops.safety.documents import DocumentError, load_json

LOCKFILE_MAX_BYTES = 32 * 1024 * 1024
_DEEPEST = 64
# PEP 508, as pip's own lock-like files pin: name, extras, ==, version.
_PINNED = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?\s*===?\s*([A-Za-z0-9.!+_-]+)")


class LockFileError(ValueError):
    """The file is none of its kind; the message says why."""


@dataclass(frozen=True, slots=True, order=True)
class Package:
    """One package; `kind` is its purl type. Source: package-url, "purl types"."""

    kind: str
    name: str
    version: str
    namespace: str = ""


def packages_of(name: str, content: bytes) -> list[Package]:
    """The packages that a lock file pins, each once, in order; `name` is the file's own name.

    Raises:
        LockFileError: it cannot be read as what its name says.
    """
    reader = _reader(name)
    if reader is None:
        raise LockFileError(f"{name} is no lock file that is known here.")
    try:
        return sorted(set(reader(content)))
    except (DocumentError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise LockFileError(f"{name} cannot be read: {error}") from error


def is_lock_file(name: str) -> bool:
    """Whether a file of that name pins packages."""
    return _reader(name) is not None


def _reader(name: str) -> Callable[[bytes], Iterator[Package]] | None:
    if re.fullmatch(r"requirements[\w.-]*\.txt", name):
        return _requirements
    return _READERS.get(name)


def _requirements(content: bytes) -> Iterator[Package]:
    for line in content.decode().splitlines():
        found = _PINNED.match(line.strip())
        if found:
            yield Package("pypi", _normal(found[1]), found[2])


def _python_toml(content: bytes) -> Iterator[Package]:
    yield from (Package("pypi", _normal(n), v) for n, v in _toml_packages(content))


def _cargo(content: bytes) -> Iterator[Package]:
    yield from (Package("cargo", n, v) for n, v in _toml_packages(content))


def _toml_packages(content: bytes) -> Iterator[tuple[str, str]]:
    packages = tomllib.loads(content.decode()).get("package")
    for package in packages if isinstance(packages, list) else ():
        name, version = package.get("name"), package.get("version")
        if isinstance(name, str) and isinstance(version, str):
            yield name, version


def _pipfile(content: bytes) -> Iterator[Package]:
    lock = _object(content)
    for section in ("default", "develop"):
        for name, facts in _entries(lock.get(section)):
            version = str(facts.get("version") or "").removeprefix("==")
            if version:
                yield Package("pypi", _normal(name), version)


def _npm(content: bytes) -> Iterator[Package]:
    for path, facts in _entries(_object(content).get("packages")):
        name, version = path.rpartition("node_modules/")[2], facts.get("version")
        if name and isinstance(version, str) and not facts.get("link"):
            namespace, _, plain = name.rpartition("/")
            yield Package("npm", plain, version, namespace)


def _composer(content: bytes) -> Iterator[Package]:
    lock = _object(content)
    for section in ("packages", "packages-dev"):
        rows = lock.get(section)
        for facts in rows if isinstance(rows, list) else ():
            name, version = facts.get("name"), facts.get("version")
            if isinstance(name, str) and isinstance(version, str):
                namespace, _, plain = name.rpartition("/")
                yield Package("composer", plain, version.removeprefix("v"), namespace)


def _go(content: bytes) -> Iterator[Package]:
    for line in content.decode().splitlines():
        parts = line.split()
        if len(parts) == 3 and not parts[1].endswith("/go.mod"):
            namespace, _, plain = parts[0].rpartition("/")
            yield Package("golang", plain, parts[1], namespace)


def _object(content: bytes) -> Mapping[str, Any]:
    value = load_json(content, max_bytes=LOCKFILE_MAX_BYTES, max_depth=_DEEPEST)
    return value if isinstance(value, Mapping) else {}


def _entries(value: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, facts in value.items() if isinstance(value, Mapping) else ():
        if isinstance(facts, Mapping):
            yield name, facts


def _normal(name: str) -> str:
    """A Python package's name in its normal form. Source: PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()


_READERS: Mapping[str, Callable[[bytes], Iterator[Package]]] = {
    "poetry.lock": _python_toml,
    "uv.lock": _python_toml,
    "pdm.lock": _python_toml,
    "Cargo.lock": _cargo,
    "Pipfile.lock": _pipfile,
    "package-lock.json": _npm,
    "npm-shrinkwrap.json": _npm,
    "composer.lock": _composer,
    "go.sum": _go,
}
