"""Every built-in template is installed from its defaults and run to its end by the real engine."""

import shutil
import site as python_site
from pathlib import Path
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from pipelines.choices import RunStatus, WaitingFor
from pipelines.models import Artifact, PipelineRun
from pipelines.operations.builtin_templates import FOLDER
from tests.pipelines.approvals.people import member, say
from tests.pipelines.conftest import log_of
from tests.pipelines.shelf import (
    DOCKER_SOCKET,
    STAND_INS,
    USUAL_PATH,
    Shelf,
    commit,
    docker,
    named,
    shelf,
)

__all__ = ["shelf"]

MAKEFILE = "check test:\n\t@echo done: $@\ndist:\n\t@mkdir -p dist && echo 1.0 > dist/app\n"
PYTHON = {"test_sum.py": "def test_sum():\n    assert 1 + 1 == 2\n"}
GO = {"go.mod": "module example.com/shop\n\ngo 1.20\n", "shop.go": "package shop\n"}
NODE = {"package.json": '{"name": "shop", "scripts": {"test": "echo all 3 passed"}}\n'}
REQUIREMENTS = {"requirements.txt": "flask==3.0.0\nrich==13.7.0\n"}
# Where the machine has the program itself, that one runs.
WITH_TOOLS = {"PATH": f"{USUAL_PATH}:{STAND_INS}"}
# A real scanner would fetch its database.
SCANNING = {"PATH": f"{STAND_INS}:{USUAL_PATH}", "TRIVY_EMPTY": "1"}
# A worker whose Python has pytest; the plugins beside it are not the repository's.
WITH_PYTEST = {
    "PYTHONPATH": python_site.getsitepackages()[0], "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
}  # fmt: skip

CASES: dict[str, tuple[dict[str, str], dict[str, Any], dict[str, str], str, dict[str, Any], str]]
# files, variables, environment, the step that tells, its outputs, a line of its log
CASES = {
    "python-tests": (
        PYTHON, {}, WITH_PYTEST, "Tests", {"total": 1, "passed": 1, "failed": 0}, "1 passed",
    ),
    "node-tests": (NODE, {}, WITH_TOOLS, "Tests", {"exit_code": 0}, "all 3 passed"),
    "go-tests": (GO, {}, WITH_TOOLS, "Tests", {"exit_code": 0}, "example.com/shop"),
    "monorepo": (
        {"shop/Makefile": MAKEFILE}, {"folder": "shop", "changed": "shop/**"}, {}, "Test",
        {"exit_code": 0}, "done: test",
    ),
    "nightly": ({"Makefile": MAKEFILE}, {}, {}, "Check", {"exit_code": 0}, "done: check"),
    "release": ({"Makefile": MAKEFILE}, {}, {}, "Checksums", {"exit_code": 0}, "  ./app"),
    "bill-of-materials": (
        REQUIREMENTS, {}, {}, "Parts", {"component_count": 2, "sbom_format": "cyclonedx"},
        "2 packages",
    ),
    "security-scan": (
        REQUIREMENTS, {}, SCANNING, "Scan",
        {"scanner": "trivy", "total_vulnerabilities": 0, "exceeds_threshold": False}, "",
    ),
}  # fmt: skip
# Those that need a git host, a model, a person or a Docker Engine have tests of their own.
ELSEWHERE = {"ai-review", "fix-formatting", "deploy-by-command", "docker-image", "deploy-to-swarm"}


def test_no_built_in_template_is_left_out() -> None:
    assert {path.stem for path in FOLDER.glob("*.yml")} == {*CASES, *ELSEWHERE}


@pytest.mark.parametrize("slug", CASES)
def test_a_template_runs_as_it_is(shelf: Shelf, settings: Settings, slug: str) -> None:
    files, variables, environment, step_name, outputs, line = CASES[slug]
    settings.POWERNODE_SANDBOX_READONLY += [python_site.getsitepackages()[0]]
    pipeline = shelf.install(slug, shelf.repository(files), environment, **variables)

    run = shelf.run(pipeline)

    told = named(run, step_name)
    assert run.status == RunStatus.SUCCESS, (run.error_message, _log(run))
    assert {name: told.outputs.get(name) for name in outputs} == outputs
    assert line in log_of(run, told.step_key)
    if slug == "release":
        assert Artifact.objects.get(run=run).name == "release"


@pytest.mark.parametrize(
    ("slug", "files", "variables", "said"),
    [
        ("python-tests", PYTHON, {}, "python3 is not on this worker. Install Python"),
        ("node-tests", NODE, {}, "npm is not on this worker. Install Node"),
        ("go-tests", GO, {}, "go is not on this worker. Install Go"),
        ("docker-image", {"Dockerfile": "FROM scratch\n"}, {"image": "shop"},
         "docker is not on this worker. Install its client"),
        ("deploy-to-swarm", {"compose.yml": "services: {}\n"}, {"stack": "shop"},
         "docker is not on this worker. Install its client"),
        ("security-scan", REQUIREMENTS, {}, "'trivy' is not on this worker. Install Aqua's"),
    ],
)  # fmt: skip
def test_a_missing_program_is_named(
    shelf: Shelf, settings: Settings, tmp_path: Path, slug: str, files: dict[str, str],
    variables: dict[str, Any], said: str,
) -> None:  # fmt: skip
    few = tmp_path / "few"
    few.mkdir()
    for name in ("bash", "sh"):
        (few / name).symlink_to(shutil.which(name, path=USUAL_PATH) or "")
    settings.POWERNODE_SANDBOX_READONLY += [str(few)]
    pipeline = shelf.install(slug, shelf.repository(files), {"PATH": str(few)}, **variables)

    run = shelf.run(pipeline)

    assert run.status == RunStatus.FAILURE
    assert said in _log(run)
    if slug != "security-scan":
        failed = run.step_executions.get(status="failure")
        # The line that the run's page opens at is the one that says it.
        assert said in log_of(run, failed.step_key).splitlines()[(failed.first_error_line or 0) - 1]
        assert failed.exit_code == 127


def test_a_scan_with_findings_fails_as_the_template_says(shelf: Shelf) -> None:
    environment = {"PATH": SCANNING["PATH"]}
    run = shelf.run(shelf.install("security-scan", shelf.repository(REQUIREMENTS), environment))
    assert (run.status, named(run, "Scan").reason) == ("failure", "vulnerabilities")
    mild = shelf.install(
        "security-scan", shelf.repository(REQUIREMENTS), environment, worst="critical"
    )
    assert shelf.run(mild).status == RunStatus.SUCCESS


def test_a_command_deploys_once_a_member_has_agreed(shelf: Shelf) -> None:
    script = '#!/bin/sh\necho "$DEPLOY_VERSION to $DEPLOY_ENVIRONMENT"\n'
    repository = shelf.repository({"deploy.sh": script})
    (Path(repository.clone_url) / "deploy.sh").chmod(0o755)
    sha = commit(Path(repository.clone_url), "Make it executable")

    run = shelf.run(shelf.install("deploy-by-command", repository))

    assert run.waiting_for == WaitingFor.APPROVAL, _log(run)
    say(member(shelf.shop), run)
    run = shelf.shop.execute(run)
    assert run.status == RunStatus.SUCCESS, _log(run)
    assert f"{sha[:7]} to production" in log_of(run, "ship")
    assert named(run, "Ship").outputs["environment"] == "production"


@pytest.mark.docker
def test_an_image_is_built_and_kept(shelf: Shelf) -> None:
    files = {"Dockerfile": "FROM scratch\nCOPY hello.txt /hello.txt\n", "hello.txt": "hello\n"}
    run = shelf.run(
        shelf.install(
            "docker-image", shelf.repository(files), image="powernode-test/shop",
            docker_host=DOCKER_SOCKET,
        )
    )  # fmt: skip
    assert run.status == RunStatus.SUCCESS, _log(run)
    assert Artifact.objects.get(run=run).size_bytes > 0
    docker("image", "rm", f"powernode-test/shop:{run.commit_sha}")


def test_an_engine_that_does_not_answer_is_told(shelf: Shelf) -> None:
    if shutil.which("docker", path=USUAL_PATH) is None:
        pytest.skip("needs the docker client")
    repository = shelf.repository({"Dockerfile": "FROM scratch\n", "compose.yml": "services: {}\n"})
    nowhere = "unix:///nowhere.sock"
    cases: list[tuple[str, dict[str, Any]]] = [
        ("docker-image", {"image": "x"}), ("deploy-to-swarm", {"stack": "x"}),
    ]  # fmt: skip
    for slug, needed in cases:
        run = shelf.run(shelf.install(slug, repository, docker_host=nowhere, **needed))
        assert run.status == RunStatus.FAILURE
        assert f"error: no Docker Engine answers at {nowhere}. The operator" in _log(run)


def _log(run: PipelineRun) -> str:
    """Everything that the steps said, with their own words at the end."""
    steps = run.step_executions.order_by("position", "attempt")
    return "\n".join(f"{log_of(run, row.step_key)}{row.error_message}" for row in steps)
