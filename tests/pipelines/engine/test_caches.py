"""Caches of steps: restored before, kept once per key after success, read only for strangers."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from containers.operations.secrets import create_secret
from devops.errors import PermissionDenied
from devops.models import AuditEvent, Blob
from pipelines.choices import RunStatus
from pipelines.engine.file_hashes import hash_files
from pipelines.expressions import ExpressionError
from pipelines.models import Pipeline, PipelineRun, StepCache
from pipelines.operations.caches import CacheName, delete_cache, keep_cache, remove_old_caches
from tests.pipelines.conftest import Workshop, last, log_of, step

MAKE = "test -e .cache/data || { mkdir -p .cache; echo $RANDOM > .cache/data; }; cat .cache/data"


def cached(key: str, command: str = MAKE, **cache: Any) -> dict[str, Any]:
    """A step with a cache of the folder `.cache`."""
    return step("use", command, cache={"key": key, "paths": [".cache"], **cache})


def again(shop: Workshop, pipeline: Pipeline) -> PipelineRun:
    """Another run of a pipeline; its workspace is empty."""
    return shop.execute(shop.trigger(pipeline))


def said(run: PipelineRun) -> list[str]:
    """What the step wrote itself."""
    return [line for line in log_of(run, "use").splitlines() if not line.startswith("Cache:")]


def test_what_one_run_kept_the_next_one_finds(workshop: Workshop) -> None:
    pipeline = workshop.pipeline(cached("k", f'{MAKE}; echo "hit $POWERNODE_CACHE_HIT"'))

    first, second = again(workshop, pipeline), again(workshop, pipeline)

    assert said(first)[0] == said(second)[0]
    assert (said(first)[1], said(second)[1]) == ("hit false", "hit true")
    assert "Cache: kept k, 2 entries" in log_of(first, "use")
    assert "Cache: brought back k, 2 entries." in log_of(second, "use")
    assert StepCache.objects.count() == 1


def test_the_key_follows_the_files_and_falls_back_on_the_newest_beginning(
    workshop: Workshop,
) -> None:
    key = "pip-${{ hashFiles('*.txt') }}"
    write = step("write", 'echo "$V" > lock.txt', environment={"V": "${{ inputs.v }}"})
    pipeline = workshop.pipeline(
        write, cached(key, f"{MAKE}; echo more >> .cache/data", restore_keys=["other-", "pip-"]),
        triggers={"manual": {"inputs": {"v": {"type": "string", "default": "1"}}}},
    )  # fmt: skip

    first = again(workshop, pipeline)
    second = workshop.execute(workshop.trigger(pipeline, inputs={"v": "2"}))
    third = workshop.execute(workshop.trigger(pipeline, inputs={"v": "2"}))

    assert StepCache.objects.count() == 2
    (number,) = said(first)
    # The first run's key stays as it was; the second key has what the second run made of it.
    assert said(second) == [number, "more"]
    assert said(third) == [number, "more", "more"]


def test_a_failed_step_keeps_nothing_and_a_key_is_never_overwritten(workshop: Workshop) -> None:
    failing = workshop.pipeline(cached("k", f"{MAKE}; false"))
    again(workshop, failing)
    assert not StepCache.objects.exists()

    pipeline = workshop.pipeline(cached("k", f"{MAKE}; echo more >> .cache/data"))
    again(workshop, pipeline)
    kept = StepCache.objects.get()
    again(workshop, pipeline)

    assert StepCache.objects.get().blob_id == kept.blob_id
    assert Blob.objects.count() == 1


def test_a_run_of_a_stranger_reads_and_never_writes(workshop: Workshop, settings: Settings) -> None:
    settings.POWERNODE_SANDBOX = "bwrap"
    pipeline = workshop.pipeline(cached("k"))
    stranger = workshop.trigger(pipeline)
    PipelineRun.objects.filter(pk=stranger.pk).update(trust_level="untrusted")

    stranger = workshop.execute(stranger)
    assert stranger.status == RunStatus.SUCCESS
    assert "runs of unknown contributors only read" in log_of(stranger, "use")
    assert not StepCache.objects.exists()

    ours = again(workshop, pipeline)
    later = workshop.trigger(pipeline)
    PipelineRun.objects.filter(pk=later.pk).update(trust_level="untrusted")
    assert said(workshop.execute(later)) == said(ours)


def test_caches_of_pipelines_without_a_repository_are_apart(workshop: Workshop) -> None:
    one, two = (workshop.pipeline(cached("k")) for _ in range(2))

    first, second = again(workshop, one), again(workshop, two)

    assert "nothing is kept" in log_of(second, "use")
    assert StepCache.objects.count() == 2
    assert first.status == second.status == RunStatus.SUCCESS


def test_the_same_key_with_other_paths_is_another_cache(workshop: Workshop) -> None:
    both = [step("a", "echo a > a", cache={"key": "k", "paths": ["a"]}),
            step("b", "echo b > b", cache={"key": "k", "paths": ["b"]})]  # fmt: skip

    run = workshop.run(*both)

    assert "nothing is kept" in log_of(run, "b")
    assert StepCache.objects.count() == 2


def test_paths_of_the_home_links_and_programs_come_back(workshop: Workshop) -> None:
    make = (
        'test -e ~/.tool/run || { mkdir -p ~/.tool; echo "echo works" > ~/.tool/run; '
        "chmod +x ~/.tool/run; ln -s run ~/.tool/link; }; ~/.tool/link"
    )
    pipeline = workshop.pipeline(step("use", make, cache={"key": "k", "paths": ["~/.tool"]}))

    again(workshop, pipeline)
    second = again(workshop, pipeline)

    assert "brought back k" in log_of(second, "use")
    assert said(second) == ["works"]


def test_a_planted_link_leads_no_restored_file_out_of_the_workspace(
    workshop: Workshop, settings: Settings, tmp_path: Path
) -> None:
    settings.POWERNODE_SANDBOX = "none"
    outside = tmp_path / "outside"
    outside.mkdir()
    cache = {"key": "k", "paths": ["deep/data"]}
    again(workshop, made := workshop.pipeline(
        step("plant", "true"),
        step("use", "mkdir -p deep; echo x > deep/data", cache=cache)))  # fmt: skip
    steps = [
        step("plant", f"ln -s {outside} deep"), step("use", "true", cache=cache),
    ]  # fmt: skip
    later = workshop.trigger(made)
    PipelineRun.objects.filter(pk=later.pk).update(snapshot={**later.snapshot, "steps": steps})

    later = workshop.execute(later)

    assert later.status == RunStatus.SUCCESS
    assert "it could not be brought back" in log_of(later, "use")
    assert list(outside.iterdir()) == []


def test_a_secret_in_a_key_is_masked(workshop: Workshop) -> None:
    create_secret(workshop.actor, "TOKEN", "s3cret-canary-value")
    use = cached("k-${{ secrets.TOKEN }}") | {"secret_refs": ["TOKEN"]}

    workshop.run(use, secret_refs=["TOKEN"])

    assert StepCache.objects.get().key == "k-***"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"key": "${{ steps.x.outputs.nothing }}"}, "The key of the cache is empty"),
        ({"key": "${{ fromJSON('{') }}"}, "it could not be brought back"),
    ],
)
def test_trouble_with_a_cache_fails_nothing(
    workshop: Workshop, change: Mapping[str, Any], words: str
) -> None:
    run = workshop.trigger(workshop.pipeline(step("x"), cached("k")))
    steps = [*run.snapshot["steps"][:1], run.snapshot["steps"][1] | {
        "cache": {"paths": [".cache"], **change}}]  # fmt: skip
    PipelineRun.objects.filter(pk=run.pk).update(snapshot={**run.snapshot, "steps": steps})

    run = workshop.execute(run)

    assert run.status == RunStatus.SUCCESS
    assert words in log_of(run, "use")


def test_too_much_is_not_kept_and_the_log_says_so(workshop: Workshop, settings: Settings) -> None:
    settings.POWERNODE_CACHE_MAX_BYTES = 1000

    run = workshop.run(cached("k", "mkdir .cache; head -c 5000 /dev/zero > .cache/data"))

    assert run.status == RunStatus.SUCCESS
    assert "it could not be kept" in log_of(run, "use")
    assert not StepCache.objects.exists()


def test_of_two_runs_that_keep_the_same_key_one_is_first(workshop: Workshop) -> None:
    run = again(workshop, workshop.pipeline(cached("k")))
    kept = StepCache.objects.get()
    name = CacheName(run.account_id, kept.scope, tuple(kept.paths), "k")
    other = Blob.objects.create(account_id=run.account_id, sha256="", size_bytes=1,
                                media_type="x", name="x", path="00/other")  # fmt: skip

    assert not keep_cache(name, run, other, 1)

    assert StepCache.objects.get().pk == kept.pk
    assert not Blob.objects.filter(pk=other.pk).exists()


def test_old_caches_go_and_then_those_that_were_not_used_for_longest(
    workshop: Workshop, settings: Settings
) -> None:
    for key in ("old", "unused", "used"):
        workshop.run(cached(key))
    ages = {"old": 30, "unused": 2, "used": 1}
    for key, days in ages.items():
        StepCache.objects.filter(key=key).update(
            last_used_at=timezone.now() - timedelta(days=days), size_bytes=100
        )

    assert remove_old_caches() == 1
    settings.POWERNODE_CACHE_TOTAL_BYTES = 150
    assert remove_old_caches() == 1

    assert [row.key for row in StepCache.objects.all()] == ["used"]
    blobs = [path for path in Path(settings.POWERNODE_BLOB_ROOT).rglob("*") if path.is_file()]
    assert len(blobs) == Blob.objects.count() == 1


def test_a_cache_is_deleted_by_whoever_may_write_pipelines(workshop: Workshop) -> None:
    workshop.run(cached("k"))
    kept = StepCache.objects.get()

    with pytest.raises(PermissionDenied):
        delete_cache(replace(workshop.actor, permissions=frozenset()), kept)
    delete_cache(workshop.actor, kept)

    assert not Blob.objects.exists()
    assert AuditEvent.objects.filter(action="devops.cache.delete").exists()


def test_a_cache_survives_a_retry_of_its_step(workshop: Workshop) -> None:
    flaky = cached("k", f"{MAKE}; test -e flag || {{ touch flag; false; }}")

    run = workshop.run(flaky | {"retry": {"attempts": 2}})

    assert run.status == RunStatus.SUCCESS
    assert last(run, "use").attempt == 2
    assert StepCache.objects.count() == 1


def test_files_are_hashed_by_name_order_and_content(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("1")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b.txt").write_text("2")
    (tmp_path / "link.txt").symlink_to("/etc/hostname")
    function = hash_files(tmp_path)

    whole = function("**/*.txt")

    assert whole == function("**/*.txt")
    assert len(whole) == 64
    assert function("*.txt") == function("**/*.txt", "!sub/**") != whole
    assert function("*.md") == ""
    (tmp_path / "a.txt").write_text("3")
    assert function("**/*.txt") != whole


def test_a_broken_glob_is_an_error_in_words(tmp_path: Path) -> None:
    with pytest.raises(ExpressionError, match="hashFiles"):
        hash_files(tmp_path)("[")
