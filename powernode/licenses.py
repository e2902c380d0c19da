"""Writes `docs/reference/third-party.md`: what we ship of others, under which licence.

`python -m powernode.licenses` reads the metadata of the installed packages and of `node_modules`,
and fails when one of them is under a licence that ours cannot carry.
"""

import json
import re
import sys
from importlib.metadata import PackageMetadata, distributions
from pathlib import Path

from powernode.configuration import ROOT

TARGET = ROOT / "docs" / "reference" / "third-party.md"
_NAME = re.compile(r"^([A-Za-z0-9._-]+)==", re.MULTILINE)
# LGPL libraries are used unchanged, as imports; GPL and AGPL would bind the whole.
_FORBIDDEN = re.compile(r"(?<![L])\b(A?GPL|GNU (Affero )?General Public)", re.IGNORECASE)
_ALLOWED = re.compile(r"\bor\b|LGPL|Lesser", re.IGNORECASE)


def main() -> int:
    """Write the page; 1 when a licence is not acceptable."""
    rows = sorted([*python_packages(), *node_packages()], key=lambda row: row[0].lower())
    lines = [
        "# Third-party software",
        "",
        "What a Powernode installation contains of others; written by `make licenses`.",
        "",
        "| package | version | licence | from |",
        "|---|---|---|---|",
        *(
            f"| {name} | {version} | {licence} | {source} |"
            for name, version, licence, source in rows
        ),
    ]
    TARGET.write_text("\n".join(lines) + "\n")
    bad = [row for row in rows if _FORBIDDEN.search(row[2]) and not _ALLOWED.search(row[2])]
    for name, version, licence, _ in bad:
        sys.stderr.write(f"{name} {version} is under {licence}, which MIT software cannot carry.\n")
    return 1 if bad else 0


def python_packages() -> list[tuple[str, str, str, str]]:
    """The pinned packages of the product itself, not those of its development."""
    pinned = {
        name.lower().replace("_", "-")
        for name in _NAME.findall((ROOT / "requirements" / "base.txt").read_text())
    }
    found = {}
    for distribution in distributions():
        name = distribution.metadata["Name"]
        if name.lower().replace("_", "-") in pinned:
            found[name] = (name, distribution.version, _licence(distribution.metadata), "PyPI")
    return list(found.values())


def node_packages() -> list[tuple[str, str, str, str]]:
    """The packages that the browser's bundles are built from."""
    lock = json.loads((ROOT / "frontend" / "package-lock.json").read_text())
    rows = []
    for path, facts in lock["packages"].items():
        if path and not facts.get("dev") and not facts.get("optional"):
            name = path.rpartition("node_modules/")[2]
            rows.append((name, facts["version"], facts.get("license", _node_licence(path)), "npm"))
    return rows


def _licence(metadata: PackageMetadata) -> str:
    if "License-Expression" in metadata:
        return metadata["License-Expression"]
    classifiers = [
        text.rpartition(" :: ")[2]
        for text in metadata.get_all("Classifier") or []
        if text.startswith("License ::")
    ]
    if classifiers:
        return ", ".join(classifiers)
    first = metadata["License"].strip().splitlines() if "License" in metadata else []
    return first[0][:80] if first else "unknown"


def _node_licence(path: str) -> str:
    manifest = Path(ROOT / "frontend" / path / "package.json")
    if not manifest.exists():
        return "unknown"
    return str(json.loads(manifest.read_text()).get("license", "unknown"))


if __name__ == "__main__":
    sys.exit(main())
