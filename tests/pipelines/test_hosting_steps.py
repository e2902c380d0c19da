"""Branches, pull requests and comments that a run makes: on every host, once, or with a reason."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from devops.models import Repository
from gitintegration.clients.exchange import forget_hosts
from gitintegration.clients.fakes.model import Pull
from gitintegration.operations.credentials import create_credential
from gitintegration.operations.mirrors import take_over
from gitintegration.operations.providers import create_git_provider
from pipelines.choices import RunStatus, Trust
from pipelines.models import PipelineRepository, PipelineRun
from tests.gitintegration.hosts.rig import World, load, rigs, world_of
from tests.pipelines.conftest import Workshop, last, step

CHANGE = "echo new > made.txt && git config --local core.hooksPath /evil && rm -f logo.bin"


@dataclass
class Site:
    """A workshop whose repository stands on a fake host."""

    shop: Workshop
    world: World
    repository: Repository

    def run(self, *steps: dict[str, Any], sha: str = "", **more: Any) -> PipelineRun:
        pipeline = self.shop.pipeline(*steps)
        PipelineRepository.objects.create(pipeline=pipeline, repository=self.repository)
        run = self.shop.trigger(pipeline, sha=sha or self.world.head)
        if more:
            PipelineRun.objects.filter(pk=run.pk).update(**more)
        return self.shop.execute(run)

    def pulls(self) -> list[Pull]:
        return list(self.world.widgets.pulls.values())


@pytest.fixture(params=rigs(), ids=lambda name: name.rsplit(".", 1)[-1].removesuffix("_rig"))
def site(
    request: pytest.FixtureRequest, workshop: Workshop, tmp_path: Path, settings: Settings
) -> Iterator[Site]:
    settings.POWERNODE_EGRESS_ALLOW = ("127.0.0.1",)
    forget_hosts()
    with world_of(load(request.param), tmp_path / "host") as world:
        rig = world.rig
        provider = create_git_provider(workshop.actor, {
            "name": f"Our {rig.name}", "provider_type": rig.name.lower(),
            "api_base_url": world.host.url + rig.api_path, "web_base_url": world.host.url,
        })  # fmt: skip
        secret = {"token": world.token}
        if rig.scheme == "basic":
            secret["username"] = "ada"
        credential = create_credential(workshop.actor, provider, {
            "auth_type": "personal_access_token", "credentials": secret,
        })  # fmt: skip
        mirror = take_over(credential, world.client.get_repository(world.name))
        assert mirror.repository is not None
        yield Site(workshop, world, mirror.repository)
        assert world.host.violations == []
    forget_hosts()


def host_step(kind: str, **configuration: Any) -> dict[str, Any]:
    return step("act", step_type=kind, configuration=configuration)


CHECKOUT = step("source", step_type="checkout", configuration={})


def test_a_branch_is_made_at_the_runs_commit_and_found_again(site: Site) -> None:
    for expected in (True, False):
        run = site.run(host_step("create_branch", name="release/next"))

        assert run.status == RunStatus.SUCCESS, last(run, "act").error_message
        outputs = last(run, "act").outputs
        assert outputs == {"branch": "release/next", "sha": site.world.head, "created": expected}
    assert site.world.widgets.store.branches()["release/next"] == site.world.head


def test_a_branch_that_is_elsewhere_is_not_moved(site: Site) -> None:
    run = site.run(host_step("create_branch", name="feature"))

    assert run.status == RunStatus.FAILURE
    assert "exists at" in last(run, "act").error_message
    assert site.world.widgets.store.branches()["feature"] != site.world.head


@pytest.mark.parametrize("name", ["--upload-pack=touch", "a..b", "-x", "a b"])
def test_a_branch_name_that_git_could_misread_is_refused(site: Site, name: str) -> None:
    run = site.run(host_step("create_branch", name=name))

    assert last(run, "act").reason == "refused"
    assert "not allowed" in last(run, "act").error_message


def test_changes_become_a_commit_and_one_pull_request_however_often_it_runs(site: Site) -> None:
    steps = (CHECKOUT, step("change", CHANGE), host_step("create_pr", title="Mend", body="Because"))
    first = site.run(*steps)
    assert first.status == RunStatus.SUCCESS, last(first, "act").error_message
    site.world.state.faults.add("lost_reply", method="POST", path="pull|merge_requests")
    again = site.run(
        CHECKOUT, step("change", CHANGE),
        host_step("create_pr", title="Mend", branch=last(first, "act").outputs["branch"]),
    )  # fmt: skip

    assert again.status == RunStatus.SUCCESS, last(again, "act").error_message
    (pull,) = site.pulls()
    outputs = last(first, "act").outputs
    assert (pull.title, pull.body, pull.base_ref) == ("Mend", "Because", "main")
    assert (outputs["pr_number"], outputs["created"]) == (pull.number, True)
    # The same changes on the same commit give the same commit.
    assert last(again, "act").outputs["sha"] == outputs["sha"]
    files = site.world.client.get_commit(site.world.name, outputs["sha"]).files
    assert {(each.filename, each.status) for each in files} == {
        ("made.txt", "added"), ("logo.bin", "removed"),
    }  # fmt: skip


def test_a_lost_answer_makes_no_second_pull_request_or_comment(site: Site) -> None:
    for path in ("pull|merge_requests", "comments|notes"):
        site.world.state.faults.add("lost_reply", method="POST", path=path)
    run = site.run(
        CHECKOUT, step("change", CHANGE), step("act", step_type="create_pr", configuration={}),
        step("say", step_type="post_comment", configuration={
            "issue_number": "${{ steps.act.outputs.pr_number }}", "body": "Once",
        }),
    )  # fmt: skip

    assert run.status == RunStatus.SUCCESS, last(run, "say").error_message
    (pull,) = site.pulls()
    assert len([each for each in pull.comments if "Once" in each.body]) == 1


def test_a_comment_is_edited_by_the_next_run_and_names_it(site: Site) -> None:
    state = site.world.state
    pull = state.talk.open_pull(site.world.widgets, "feature", title="Bye")
    say = step("say", step_type="post_comment", configuration={
        "issue_number": pull.number, "header": "## Report", "body_file": "report.md",
        "footer": "The end",
    })  # fmt: skip
    pipeline = site.shop.pipeline(
        step("write", 'echo "run $POWERNODE_RUN_NUMBER" > report.md'), say
    )
    PipelineRepository.objects.create(pipeline=pipeline, repository=site.repository)
    for _ in range(2):
        run = site.shop.execute(site.shop.trigger(pipeline, sha=site.world.head))
        assert run.status == RunStatus.SUCCESS, last(run, "say").error_message

    (comment,) = pull.comments
    assert comment.body.startswith("<!-- powernode:")
    assert "## Report\n\nrun 2" in comment.body
    assert "#2" in comment.body.rpartition("The end")[2]
    assert str(last(run, "say").outputs["comment_id"]) == str(comment.id)


@pytest.mark.parametrize(
    ("kind", "configuration", "words"),
    [
        ("post_comment", {"body": "Hi"}, "no pull request or issue"),
        ("post_comment", {"issue_number": 1, "body": "${{ '' }}"}, "nothing to say"),
        ("post_comment", {"issue_number": 1, "body_file": "../../etc/passwd"}, "no file"),
        ("post_comment", {"issue_number": 1, "body_from": "none.there"}, "no output"),
        ("post_comment", {"issue_number": 4711, "body": "Hi"}, "404"),
        ("create_pr", {"base": "nowhere", "branch": "x"}, ""),
        ("create_branch", {"name": "x", "source": "nowhere"}, "404"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_fails_with_the_reason(
    site: Site, kind: str, configuration: dict[str, Any], words: str
) -> None:
    run = site.run(CHECKOUT, host_step(kind, **configuration))

    failed = last(run, "act")
    assert run.status == RunStatus.FAILURE
    assert failed.error_message
    assert words in failed.error_message
    assert failed.reason != "defect"


def test_an_untrusted_run_may_not_write_to_the_host(site: Site) -> None:
    run = site.run(host_step("create_branch", name="evil"), trust_level=Trust.UNTRUSTED)

    assert last(run, "act").reason == "untrusted"
    assert "evil" not in site.world.widgets.store.branches()


def test_a_host_that_is_away_is_named_with_what_to_do(site: Site) -> None:
    site.world.state.faults.add("status", times=-1, code=503)
    run = site.run(host_step("create_branch", name="x"))

    failed = last(run, "act")
    assert failed.reason == "host"
    assert f"Our {site.world.rig.name}" in failed.error_message
    assert "503" in failed.error_message


def test_a_repository_without_a_host_says_so(workshop: Workshop) -> None:
    run = workshop.run(host_step("create_branch", name="x", source="main"))

    assert "no git host" in last(run, "act").error_message
