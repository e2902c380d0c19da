"""Caches over REST and on their page."""

import pytest

from devops.models import Blob
from pipelines.models import StepCache
from tests.client import ApiClient
from tests.factories.pipelines import CacheFactory
from tests.pages.test_git_ci import signed_in

pytestmark = pytest.mark.django_db


def test_caches_are_listed_filtered_and_deleted(alice: ApiClient) -> None:
    kept = CacheFactory.create(account=alice.account, key="pip-1", paths=["work/a", "home/.b"])
    CacheFactory.create(account=alice.account, key="npm-1")

    (found,) = alice.get("devops/caches", {"key": "pip-"}).ok()["results"]
    assert (found["key"], found["paths"]) == ("pip-1", ["a", "~/.b"])
    assert alice.get(f"devops/caches/{kept.pk}").ok()["size_bytes"] == kept.size_bytes

    assert alice.delete(f"devops/caches/{kept.pk}").status == 204
    assert list(StepCache.objects.values_list("key", flat=True)) == ["npm-1"]
    assert not Blob.objects.filter(pk=kept.blob_id).exists()
    alice.get(f"devops/caches/{kept.pk}").problem(404)


def test_the_page_lists_filters_and_deletes(alice: ApiClient) -> None:
    kept = CacheFactory.create(account=alice.account, key="pip-<1>")
    client = signed_in(alice)

    page = client.get("/settings/caches").content.decode()
    assert "pip-&lt;1&gt;" in page
    assert "No key begins like this." in client.get("/settings/caches?key=x").content.decode()

    answer = client.post(f"/settings/caches/{kept.pk}/delete", follow=True)
    assert "is deleted" in answer.content.decode()
    assert "hashFiles" in answer.content.decode()


def test_a_viewer_may_look_only_and_a_stranger_sees_nothing(
    alice: ApiClient, vera: ApiClient, charlie: ApiClient
) -> None:
    kept = CacheFactory.create(account=alice.account)

    page = signed_in(vera).get("/settings/caches").content.decode()
    assert kept.key in page
    assert "/delete" not in page
    signed_in(vera).post(f"/settings/caches/{kept.pk}/delete")
    assert signed_in(charlie).post(f"/settings/caches/{kept.pk}/delete").status_code == 404
    assert StepCache.objects.filter(pk=kept.pk).exists()
