"""Built-in templates, installed on small repositories and run by the real engine."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from devops.models import Repository
from pipelines import selectors
from pipelines.models import Pipeline, PipelineRun, PipelineTemplate, StepExecution
from pipelines.operations import templates
from pipelines.operations.builtin_templates import sync_builtin_templates
from pipelines.operations.definitions import update_pipeline
from pipelines.operations.workers import renew_lease
from tests.pipelines.conftest import Workshop

STAND_INS = Path(__file__).parent / "stand_ins"
USUAL_PATH = "/usr/local/bin:/usr/bin:/bin"
DOCKER_SOCKET = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")


@dataclass
class Shelf:
    """An account with a worker, the built-in templates, and a folder for repositories."""

    shop: Workshop
    folder: Path

    def repository(self, files: Mapping[str, str]) -> Repository:
        """A repository on disk with one commit of these files."""
        place = self.folder / f"r{len(list(self.folder.iterdir()))}"
        place.mkdir()
        for name, text in files.items():
            path = place / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        git(place, "init", "--quiet", "--initial-branch=main")
        commit(place, "Begin")
        return Repository.objects.create(
            account_id=self.shop.actor.account_id, name=place.name, full_name=f"o/{place.name}",
            clone_url=str(place),
        )  # fmt: skip

    def install(
        self, slug: str, repository: Repository, environment: Mapping[str, str] | None = None,
        **variables: Any,
    ) -> Pipeline:  # fmt: skip
        """The template's pipeline with its defaults; `environment` is what its owner adds."""
        made = templates.install(
            self.shop.actor, PipelineTemplate.objects.get(slug=slug), variables=variables,
            repository_id=repository.pk,
        )  # fmt: skip
        if environment:
            whole = {**made.environment, **environment}
            made = update_pipeline(self.shop.actor, made, {"environment": whole})
        return made

    def run(self, pipeline: Pipeline) -> PipelineRun:
        """A run by hand of the repository's newest commit, as far as one turn takes it."""
        # Nobody beats this worker's heart, and some runs take longer than its lease.
        renew_lease(self.shop.worker.pk)
        row = selectors.pipeline(self.shop.actor, pipeline.pk)
        link = row.links.select_related("repository").get()
        sha = git(Path(link.repository.clone_url), "rev-parse", "HEAD")
        return self.shop.execute(self.shop.trigger(row, sha=sha))


@pytest.fixture
def shelf(workshop: Workshop, tmp_path: Path, settings: Settings) -> Shelf:
    sync_builtin_templates()
    folder = tmp_path / "repositories"
    folder.mkdir()
    shown = [str(STAND_INS), DOCKER_SOCKET.removeprefix("unix://")]
    settings.POWERNODE_SANDBOX_READONLY = shown
    workshop.worker.labels = ["docker"]
    workshop.worker.save(update_fields=["labels"])
    return Shelf(workshop, folder)


def docker(*arguments: str, **options: object) -> str:
    """What the docker client says to the engine of the tests."""
    done = subprocess.run(
        ["docker", "--host", DOCKER_SOCKET, *arguments],
        check=False, capture_output=True, text=True, timeout=60, **options,  # type: ignore[call-overload]
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return str(done.stdout).strip()


def git(folder: Path, *arguments: str) -> str:
    """What git says in a repository."""
    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=folder, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def commit(folder: Path, message: str) -> str:
    """Commit everything; the commit."""
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", f"--message={message}")
    return git(folder, "rev-parse", "HEAD")


def named(run: PipelineRun, name: str) -> StepExecution:
    """The latest attempt at the step of a name."""
    return StepExecution.objects.filter(run=run, step_name=name).latest("attempt")
