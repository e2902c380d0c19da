"""The commits of the last weeks, as the host tells them."""

import pytest
from django.utils import timezone

from gitintegration.operations.activity import WEEKS
from gitintegration.operations.imports import sync_mirror
from tests.gitintegration.operations.site import Site

pytestmark = pytest.mark.django_db(transaction=True)


def test_synchronising_a_mirror_counts_its_commits_by_week(site: Site) -> None:
    mirror = site.mirror()
    for number in range(3):
        site.world.state.push_file(site.world.widgets, "main", "n.txt", str(number))
    known = len(site.world.widgets.store.commits("main"))

    fresh = sync_mirror(mirror)

    weeks = fresh.metadata["activity"]["weeks"]
    assert len(weeks) == WEEKS
    assert sum(weeks) == weeks[-1] == known
    assert fresh.last_commit_at is not None
    assert (timezone.now() - fresh.last_commit_at).total_seconds() < 3600


def test_a_repository_without_a_commit_has_no_weeks(site: Site) -> None:
    empty = site.world.state.add_repository("acme/empty", files={})

    fresh = sync_mirror(site.mirror(empty))

    assert sum(fresh.metadata["activity"]["weeks"]) == 0
