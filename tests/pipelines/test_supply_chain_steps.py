"""Scans, lists of ingredients and signatures: what they find, and that not looking never passes."""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from pipelines.choices import RunStatus
from pipelines.engine.workspace import Workspace
from pipelines.models import PipelineRun
from tests.pipelines.conftest import Workshop, last, log_of, step

STAND_INS = Path(__file__).parent / "stand_ins"
# Programs of the workspace come first, as those of a worker would.
PATH = "bin:/usr/local/bin:/usr/bin:/bin"
# Known only at run time: the linter would refuse what they are wrong with.
IMAGE, PIP, SPDX = "${{ 'image' }}", "${{ 'pip-audit' }}", "${{ 'spdx' }}"
LOCK_FILES = {
    "requirements.txt": "Flask[async]==2.0.1  # web\nclick == 8.1\n-e .\nrich>=1\n",
    "sub/package-lock.json": json.dumps(
        {"packages": {"": {"version": "1"}, "node_modules/@types/node": {"version": "20.1.0"},
                      "node_modules/a/node_modules/b": {"version": "2"},
                      "node_modules/l": {"link": True}}}
    ),
    "Cargo.lock": '[[package]]\nname = "serde"\nversion = "1.0.1"\n',
    "go.sum": "github.com/x/y v1.2.3 h1:abc=\ngithub.com/x/y v1.2.3/go.mod h1:abc=\n",
    "node_modules/dep/package-lock.json": '{"packages": {"node_modules/no": {"version": "1"}}}',
}  # fmt: skip


def run(
    shop: Workshop, *steps: dict[str, Any], files: dict[str, str] | None = None,
    tools: tuple[str, ...] = (),
) -> PipelineRun:  # fmt: skip
    """A run whose workspace holds these files and programs beforehand."""
    started = shop.trigger(shop.pipeline(*steps))
    work = Workspace.of(started.pk).work
    for name, text in (files or {}).items():
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_text(text)
    (work / "bin").mkdir(parents=True, exist_ok=True)
    for name in tools:
        shutil.copy(STAND_INS / name, work / "bin" / name)
    return shop.execute(started)


def using(
    step_type: str, key: str = "it", environment: Any = None, **config: Any
) -> dict[str, Any]:
    return step(
        key, step_type=step_type, configuration=config,
        environment={"PATH": PATH, **(environment or {})},
    )  # fmt: skip


def scan(**config: Any) -> dict[str, Any]:
    return using("vulnerability_scan", **config)


SCANS: list[tuple[str, dict[str, Any], dict[str, int], bool]] = [
    ("grype", {}, {"critical": 1, "medium": 1, "low": 1}, True),
    ("grype", {"only_fixed": True, "severity_threshold": "critical"}, {"critical": 1}, True),
    ("grype", {"severity_filter": ["low"]}, {"low": 1}, False),
    ("trivy", {"severity_threshold": "critical"}, {"high": 1, "medium": 1}, False),
    ("trivy", {"only_fixed": True}, {"high": 1}, True),
    ("pip-audit", {"target": "requirements.txt"}, {"high": 1}, True),
]


@pytest.mark.parametrize(("scanner", "config", "counts", "is_over"), SCANS)
def test_findings_are_counted_and_judged(
    workshop: Workshop, scanner: str, config: dict[str, Any], counts: dict[str, int], is_over: bool
) -> None:
    ended = run(workshop, scan(scanner=scanner, **config), tools=(scanner,))
    attempt = last(ended, "it")
    found = attempt.outputs
    assert {name: count for name, count in found["by_severity"].items() if count} == counts
    assert found["total_vulnerabilities"] == sum(counts.values())
    assert found["exceeds_threshold"] is is_over
    assert (attempt.status, attempt.reason) == (
        ("failure", "vulnerabilities") if is_over else ("success", "")
    )


def test_findings_may_be_told_without_failing(workshop: Workshop) -> None:
    ended = run(workshop, scan(fail_on_threshold=False), tools=("grype",))
    assert ended.status == RunStatus.SUCCESS
    assert "critical: CVE-2024-0001 openssl 1.2.3, mended in 1.2.4" in log_of(ended, "it")


@pytest.mark.parametrize(
    ("config", "environment", "tools", "reason", "said"),
    [
        ({}, {}, (), "program_missing", "'grype' is not on this worker. Install"),
        ({}, {"TOOL_EXIT": "2"}, ("grype",), "scanner", "exit status 2"),
        ({}, {"TOOL_EXIT": "0"}, ("grype",), "report", "cannot be read"),
        ({"target": "../x"}, {}, ("grype",), "configuration", "leaves the workspace"),
        ({"report_path": "/etc/x"}, {}, ("grype",), "configuration", "leaves the workspace"),
        ({"scan_type": IMAGE, "target": "--exec"}, {}, ("grype",), "configuration", "dash"),
        ({"scanner": PIP, "scan_type": "sbom"}, {}, ("pip-audit",), "configuration", "fs"),
    ],
)
def test_a_scan_that_did_not_happen_never_passes(
    workshop: Workshop, config: dict[str, Any], environment: dict[str, str],
    tools: tuple[str, ...], reason: str, said: str,
) -> None:  # fmt: skip
    # A report of an earlier attempt lies there and must not be taken for this one's.
    ended = run(
        workshop, scan(environment=environment, **config), tools=tools,
        files={"vulnerabilities.json": '{"matches": []}'},
    )  # fmt: skip
    attempt = last(ended, "it")
    assert (attempt.status, attempt.reason) == ("failure", reason), attempt.error_message
    assert said in attempt.error_message


def test_a_project_without_anything_to_scan_has_no_findings(workshop: Workshop) -> None:
    ended = run(workshop, scan(scanner="trivy", environment={"TRIVY_EMPTY": "1"}), tools=("trivy",))
    assert last(ended, "it").outputs["total_vulnerabilities"] == 0


def test_a_list_of_ingredients_is_made_of_lock_files(workshop: Workshop) -> None:
    ended = run(workshop, using("sbom_generate"), step("show", "cat sbom.json"), files=LOCK_FILES)
    assert last(ended, "it").outputs["component_count"] == 6
    written = json.loads(log_of(ended, "show"))
    assert (written["bomFormat"], written["specVersion"]) == ("CycloneDX", "1.5")
    assert sorted(component["purl"] for component in written["components"]) == [
        "pkg:cargo/serde@1.0.1",
        "pkg:golang/github.com/x/y@v1.2.3",
        "pkg:npm/%40types/node@20.1.0",
        "pkg:npm/b@2",
        "pkg:pypi/click@8.1",
        "pkg:pypi/flask@2.0.1",
    ]


@pytest.mark.parametrize(
    ("config", "files", "tools", "reason"),
    [
        ({}, {}, (), "empty"),
        ({}, {"poetry.lock": "[["}, (), "lock_file"),
        ({}, {"Pipfile.lock": "{"}, (), "lock_file"),
        ({"format": SPDX}, LOCK_FILES, (), "configuration"),
        ({"tool": "syft"}, LOCK_FILES, (), "program_missing"),
        ({"tool": "cdxgen", "format": SPDX}, LOCK_FILES, (), "configuration"),
        ({"output_file": "../sbom"}, LOCK_FILES, (), "configuration"),
    ],
)
def test_no_list_is_no_success(
    workshop: Workshop, config: dict[str, Any], files: dict[str, str], tools: tuple[str, ...],
    reason: str,
) -> None:  # fmt: skip
    ended = run(workshop, using("sbom_generate", **config), files=files, tools=tools)
    assert (last(ended, "it").status, last(ended, "it").reason) == ("failure", reason)


def test_syft_writes_both_formats(workshop: Workshop) -> None:
    for fmt, count in (("cyclonedx", 2), ("spdx", 1)):
        made = using("sbom_generate", tool="syft", format=fmt)
        ended = run(workshop, made, tools=("syft",))
        assert last(ended, "it").outputs["component_count"] == count


def test_a_file_is_signed_and_the_signature_checked(workshop: Workshop) -> None:
    made = using("sign_artifact", artifact_path="dist/app.tgz", annotations={"a": "b"})
    ended = run(workshop, made, files={"dist/app.tgz": "content"}, tools=("cosign",))
    outputs = last(ended, "it").outputs
    assert ended.status == RunStatus.SUCCESS
    assert outputs["signature_path"] == "dist/app.tgz.sig"
    assert outputs["verification_command"].startswith("cosign verify-blob ")


@pytest.mark.parametrize(
    ("config", "environment", "tools", "reason", "said"),
    [
        ({"artifact_path": "nothing"}, {}, ("cosign",), "artifact", "no file 'nothing'"),
        ({}, {}, (), "program_missing", "Install sigstore's cosign"),
        ({}, {"TOOL_EXIT": "3"}, ("cosign",), "signature", "could not sign"),
        ({}, {"NO_SIGNATURE": "1"}, ("cosign",), "signature", "there is no signature"),
        ({}, {"SPOIL": "1"}, ("cosign",), "signature", "could not verify"),
        ({"keyless": "${{ false }}"}, {}, ("cosign",), "configuration", "public_key_path"),
        ({"signer": "${{ 'gpg' }}"}, {}, (), "configuration", "gpg_key_id"),
        ({"artifact_path": "../app"}, {}, ("cosign",), "configuration", "leaves the workspace"),
    ],
)
def test_what_is_not_signed_is_not_called_signed(
    workshop: Workshop, config: dict[str, Any], environment: dict[str, str],
    tools: tuple[str, ...], reason: str, said: str,
) -> None:  # fmt: skip
    made = using("sign_artifact", environment=environment, **{"artifact_path": "app", **config})
    # An old signature lies there.
    ended = run(workshop, made, files={"app": "content", "app.sig": "old"}, tools=tools)
    attempt = last(ended, "it")
    assert (attempt.status, attempt.reason) == ("failure", reason), attempt.error_message
    assert said in attempt.error_message


@pytest.fixture
def short_root(settings: Settings) -> Iterator[None]:
    """A path short enough for the sockets of gpg's agent."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        settings.POWERNODE_WORKSPACE_ROOT = Path(folder)
        yield


def test_gpg_signs_for_real(workshop: Workshop, short_root: None) -> None:
    if shutil.which("gpg") is None:
        pytest.skip("needs GnuPG: gpg not found")
    home = ".g"
    key = (
        f'export GNUPGHOME="$PWD/{home}" && mkdir -m 700 {home} && gpg --batch --quiet'
        " --passphrase '' --quick-generate-key release@example.org ed25519 sign never"
    )
    made = using(
        "sign_artifact", artifact_path="app", signer="gpg", gpg_key_id="release@example.org",
        environment={"GNUPGHOME": home},
    )  # fmt: skip
    check = step("check", f'GNUPGHOME="$PWD/{home}" gpg --batch --verify app.asc app')
    ended = run(workshop, step("key", key), made, check, files={"app": "content"})
    assert ended.status == RunStatus.SUCCESS, log_of(ended, "it") + log_of(ended, "key")


def test_pip_audit_looks_for_real(workshop: Workshop) -> None:
    """The program that the product recommends takes our arguments; it needs no advisories to."""
    program = Path(__file__).parents[2] / ".venv" / "bin" / "pip-audit"
    if not program.exists():
        pytest.skip("needs pip-audit: .venv/bin/pip-audit not found")
    said = subprocess.run([str(program), "--help"], capture_output=True, text=True, check=True)
    for option in ("--format", "--output", "--progress-spinner", "--requirement"):
        assert option in said.stdout
