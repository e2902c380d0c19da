"""A pipeline that a repository's file defines, after one of the two was changed."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from devops.errors import Conflict, PermissionDenied
from devops.models import AuditEvent, Repository
from pipelines import selectors
from pipelines.documents import parse, to_definition
from pipelines.models import Pipeline
from pipelines.operations.definitions import insert_pipeline, update_pipeline
from pipelines.operations.drift import compare_with_file, take_file
from pipelines.written import document_of
from tests.pipelines.conftest import Workshop, make_actor

pytestmark = pytest.mark.django_db(transaction=True)

FILE = ".powernode/ci.yml"
DOCUMENT = """\
name: CI
on: {push: {branches: [main]}}
steps:
  - name: Say
    uses: run_command
    with: {command: "echo hello"}
"""


class Tree:
    """A repository on this machine whose default branch holds the file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.git("init", "--quiet", "--initial-branch=main")
        self.write(DOCUMENT)

    def git(self, *arguments: str) -> str:
        environment = {
            **os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull,
            "GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.org",
            "GIT_COMMITTER_NAME": "Ada", "GIT_COMMITTER_EMAIL": "ada@example.org",
        }  # fmt: skip
        done = subprocess.run(
            ["git", *arguments], cwd=self.folder, env=environment, check=True,
            capture_output=True, text=True,
        )  # fmt: skip
        return done.stdout.strip()

    def write(self, text: str | None) -> str:
        path = self.folder / FILE
        path.parent.mkdir(exist_ok=True)
        if text is None:
            path.unlink()
        else:
            path.write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message=Change")
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def tree(tmp_path: Path, settings: Settings) -> Tree:
    settings.POWERNODE_GIT_LOCAL_ROOTS = [str(tmp_path)]
    settings.POWERNODE_GIT_CACHE_ROOT = tmp_path / "cache"
    return Tree(tmp_path / "shop")


@pytest.fixture
def pipeline(workshop: Workshop, tree: Tree) -> Pipeline:
    repository = Repository.objects.create(
        account_id=workshop.actor.account_id, name="shop", full_name="ada/shop",
        clone_url=str(tree.folder), default_branch="main",
    )  # fmt: skip
    source = (repository, FILE, tree.git("rev-parse", "HEAD"))
    made = insert_pipeline(
        workshop.actor.account_id, to_definition(parse(DOCUMENT).value), source=source
    )
    return selectors.pipeline(workshop.actor, made.pk)


def test_nothing_changed_means_in_step(workshop: Workshop, pipeline: Pipeline) -> None:
    found = compare_with_file(workshop.actor, pipeline)
    assert found.diff == ""
    assert (found.state, found.diff, found.path, found.branch) == ("in_step", "", FILE, "main")


def test_a_change_on_either_side_is_shown_and_the_file_can_be_taken(
    workshop: Workshop, pipeline: Pipeline, tree: Tree
) -> None:
    update_pipeline(workshop.actor, pipeline, {"description": "Written here"})
    text = "# ours\n" + DOCUMENT.replace("hello", "goodbye")
    sha = tree.write(text)
    stored = selectors.pipeline(workshop.actor, pipeline.pk)
    found = compare_with_file(workshop.actor, stored)
    assert (found.state, found.sha) == ("differs", sha)
    assert "-description: Written here" in found.diff
    assert "+    command: echo goodbye" in found.diff

    taken = take_file(workshop.actor, stored)
    assert compare_with_file(workshop.actor, taken).state == "in_step"
    assert (taken.description, taken.source_sha, taken.slug) == ("", sha, "ci")
    assert taken.steps.get().configuration == {"command": "echo goodbye"}
    assert document_of(workshop.actor, taken) == text
    event = AuditEvent.objects.get(action="devops.pipeline.take_file")
    assert event.detail == {"sha": sha}


@pytest.mark.parametrize(
    ("text", "state", "said"),
    [(None, "missing", "does not exist on main"), ("name: [", "invalid", f"{FILE}:1:"),
     ("name: x\nsteps: [{name: a, uses: nope}]\n", "invalid", "nope")],
)  # fmt: skip
def test_a_file_that_cannot_be_taken_changes_nothing(
    workshop: Workshop, pipeline: Pipeline, tree: Tree, text: str | None, state: str, said: str
) -> None:
    tree.write(text)
    found = compare_with_file(workshop.actor, pipeline)
    assert found.state == state
    assert said in found.message
    with pytest.raises(Conflict, match=re.escape(said)):
        take_file(workshop.actor, pipeline)
    assert selectors.pipeline(workshop.actor, pipeline.pk).definition_version == 1


def test_a_repository_that_is_gone_is_said(
    workshop: Workshop, pipeline: Pipeline, tree: Tree
) -> None:
    tree.folder.rename(tree.folder.with_name("elsewhere"))
    assert compare_with_file(workshop.actor, pipeline).state == "unreadable"


def test_only_pipelines_of_repositories_have_a_file(workshop: Workshop, pipeline: Pipeline) -> None:
    own = workshop.pipeline()
    assert compare_with_file(workshop.actor, own).state == "none"
    with pytest.raises(Conflict, match="not kept in a repository"):
        take_file(workshop.actor, own)
    with pytest.raises(PermissionDenied):
        take_file(make_actor("viewer"), pipeline)
