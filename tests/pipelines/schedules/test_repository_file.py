"""Schedules of a pipeline's file in a repository follow the file on its default branch."""

import pytest

from pipelines.models import Schedule
from pipelines.operations import events
from tests.gitintegration.hosts.conftest import world
from tests.gitintegration.operations.only import ON_GITEA
from tests.gitintegration.operations.site import process_pending
from tests.pipelines.test_commit_checks import Shop, handle, shop

__all__ = ["shop", "world"]
pytestmark = pytest.mark.django_db
FILE = """\
name: CI
on:
  push: {{}}
  schedule: [{schedules}]
steps:
  - {{name: One, uses: run_command, with: {{command: "true"}}}}
"""
NIGHTLY = "{cron: '0 3 * * *', timezone: Europe/Berlin}"


def write(shop: Shop, branch: str, *schedules: str) -> None:
    text = FILE.format(schedules=", ".join(schedules))
    world = shop.site.world
    world.state.push_file(world.widgets, branch, ".powernode/ci.yml", text)


def push(shop: Shop, branch: str, *schedules: str) -> None:
    write(shop, branch, *schedules)
    shop.site.receive()
    handle("git.push", events.resolve_event)


def times() -> set[tuple[str, str]]:
    return set(Schedule.objects.values_list("cron_expression", "timezone"))


@ON_GITEA
def test_only_the_default_branch_decides(shop: Shop) -> None:
    push(shop, "main", NIGHTLY)
    assert times() == {("0 3 * * *", "Europe/Berlin")}
    (before,) = Schedule.objects.all()

    push(shop, "feature", "{cron: '* * * * *'}")
    assert times() == {("0 3 * * *", "Europe/Berlin")}
    push(shop, "main", NIGHTLY, "'@hourly'")
    assert times() == {("0 3 * * *", "Europe/Berlin"), ("@hourly", "UTC")}
    assert Schedule.objects.filter(pk=before.pk).exists()
    push(shop, "main")
    assert times() == set()


@ON_GITEA
def test_a_push_that_comes_late_does_not_bring_the_old_file_back(shop: Shop) -> None:
    push(shop, "main", NIGHTLY)
    write(shop, "main", "'@daily'")
    write(shop, "main", "'@hourly'")
    late, early = shop.site.collect()
    for each in (early, late):
        assert each.arrive() == 202
    process_pending()

    handle("git.push", events.resolve_event)

    assert times() == {("@hourly", "UTC")}
