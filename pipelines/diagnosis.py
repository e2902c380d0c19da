"""Why did it fail? What can be shown without guessing: the line, the differences, the flakes."""

from collections.abc import Collection, Mapping
from typing import Any

from devops.access import Actor
from devops.storage import log_reader
from pipelines import artifacts, known_tests, selectors
from pipelines.choices import RunStatus, StepStatus
from pipelines.failures import current_step, latest_attempts
from pipelines.flakiness import FAILED, PASSED, read_endings
from pipelines.models import KnownTest, PipelineRun, StepExecution

_AROUND = 5
_LINE_MAX = 500
_MOST_COMMITS = 50
_HIDDEN = frozenset({"position"})
_SETTINGS = (
    "environment", "settings", "timeout_minutes", "runner_labels", "secret_refs", "features",
)  # fmt: skip


def diagnose(actor: Actor, run: PipelineRun) -> dict[str, Any]:
    """The evidence about a run; one that has not failed has none.

    Returns `{is_failed, step, evidence [{number, text}], first_line, last_green, differences,
    failed_tests [{suite, name, message, is_quarantined, test_id or null, is_known_flake,
    flaky_score, seen_failed, seen_passed}],
    is_known_flake}`. Values of variables are never part of it, only their names.
    """
    if run.status != RunStatus.FAILURE:
        return _nothing()
    latest = latest_attempts(list(run.step_executions.all()))
    failed = _failed(latest)
    green = selectors.last_green_before(actor, run)
    tests = _tests(actor, run)
    return {
        "is_failed": True,
        "step": _step(failed) if failed else None,
        "first_line": failed.first_error_line if failed else None,
        "evidence": _evidence(failed) if failed else [],
        "message": (failed.error_message if failed else "") or run.error_message,
        "last_green": _green(green) if green else None,
        "differences": differences(actor, green, run) if green else None,
        "failed_tests": tests,
        "is_known_flake": bool(tests) and all(test["is_known_flake"] for test in tests),
    }


def differences(actor: Actor, green: PipelineRun, run: PipelineRun) -> dict[str, Any]:
    """What is not as it was in the last green run.

    Returns `{commits [{sha, title, run_number}], is_same_commit, definition [words],
    environment [names], inputs [names], worker {before, now} or null, artifacts [names],
    components {before, now} or null}`.
    """
    before, now = green.snapshot, selectors.run(actor, run.pk).snapshot
    commits = _commits(actor, green, run)
    workers = (_worker(green), _worker(run))
    components = (_components(actor, green), _components(actor, run))
    return {
        "commits": commits,
        "is_same_commit": bool(run.commit_sha) and green.commit_sha == run.commit_sha,
        "definition": _definition(before, now),
        "environment": _changed_names(before.get("environment"), now.get("environment")),
        "inputs": _changed_names(green.inputs, run.inputs),
        "worker": None if workers[0] == workers[1] else dict(zip(_SIDES, workers, strict=True)),
        "artifacts": _artifacts(actor, green, run),
        "components": None
        if components[0] == components[1]
        else dict(zip(_SIDES, components, strict=True)),
    }


_SIDES = ("before", "now")


def words_of(found: Mapping[str, Any]) -> list[str]:
    """The differences in a few words each, for the run's page."""
    words: list[str] = []
    changed = found["differences"]
    if changed is not None:
        words += _commit_words(changed)
        for name, one, many in (
            ("definition", "the definition", ""),
            ("environment", "variable", "variables"),
            ("inputs", "input", "inputs"),
            ("artifacts", "artifact", "artifacts"),
        ):
            if changed[name]:
                names = ", ".join(changed[name][:3]) + (" …" if len(changed[name]) > 3 else "")
                label = one if not many or len(changed[name]) == 1 else many
                words.append(f"{label}: {names}")
        if changed["components"]:
            count = changed["components"]
            words.append(f"packages: {count['before']} → {count['now']}")
        if changed["worker"]:
            words.append(f"worker: {changed['worker']['now']}")
    return words


def flake_words(found: Mapping[str, Any]) -> str:
    """Which of the failed tests are known to flake; empty when no test failed."""
    if not found["failed_tests"]:
        return ""
    flaky = [test["name"] for test in found["failed_tests"] if test["is_known_flake"]]
    more = " …" if len(flaky) > 3 else ""
    return f"Known flake: {', '.join(flaky[:3])}{more}" if flaky else "No known flake"


def _commit_words(changed: Mapping[str, Any]) -> list[str]:
    if changed["is_same_commit"]:
        return ["no commit"]
    # Runs without a repository know none.
    count = len(changed["commits"])
    return [f"{count} commit{'s' if count > 1 else ''} that ran since"] if count else []


def _nothing() -> dict[str, Any]:
    return {
        "is_failed": False, "step": None, "first_line": None, "evidence": [], "message": "",
        "last_green": None, "differences": None, "failed_tests": [], "is_known_flake": False,
    }  # fmt: skip


def _failed(latest: list[StepExecution]) -> StepExecution | None:
    chosen = current_step(latest)
    found = next((step for step in latest if str(step.pk) == chosen), None)
    return found if found is not None and found.status == StepStatus.FAILURE else None


def _step(failed: StepExecution) -> dict[str, Any]:
    return {
        "id": failed.pk, "key": failed.step_key, "name": failed.step_name,
        "step_type": failed.step_type, "reason": failed.reason, "exit_code": failed.exit_code,
    }  # fmt: skip


def _evidence(failed: StepExecution) -> list[dict[str, Any]]:
    if not failed.first_error_line:
        return []
    first = max(1, failed.first_error_line - _AROUND)
    page = log_reader.read_lines(failed.log_id, first, 2 * _AROUND + 1)
    return [{"number": line.number, "text": line.text[:_LINE_MAX]} for line in page.lines]


def _green(green: PipelineRun) -> dict[str, Any]:
    return {
        "id": green.pk, "run_number": green.run_number, "commit_sha": green.commit_sha,
        "url": green.url,
    }  # fmt: skip


def _commits(actor: Actor, green: PipelineRun, run: PipelineRun) -> list[dict[str, Any]]:
    seen = {green.commit_sha, ""}
    found = []
    for row in selectors.runs_between(actor, green, run):
        if row.commit_sha not in seen:
            seen.add(row.commit_sha)
            facts = {"sha": row.commit_sha, "title": row.title, "run_number": row.run_number}
            found.append(facts)
    return found[-_MOST_COMMITS:]


def _definition(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    changed = [name for name in _SETTINGS[1:] if before.get(name) != now.get(name)]
    old = {step["key"]: step for step in before.get("steps", ())}
    new = {step["key"]: step for step in now.get("steps", ())}
    words = [f"{name} changed" for name in changed]
    words += [f"step {key} is new" for key in new if key not in old]
    words += [f"step {key} is gone" for key in old if key not in new]
    for key in (key for key in new if key in old):
        fields = _changed_names(old[key], new[key])
        shown = [name for name in fields if name not in _HIDDEN]
        if shown:
            words.append(f"step {key}: {', '.join(shown)}")
    return words


def _changed_names(before: Any, now: Any) -> list[str]:
    old, new = before or {}, now or {}
    return sorted(
        name
        for name in {*old, *new}
        if (name in old, old.get(name)) != (name in new, new.get(name))
    )


def _worker(run: PipelineRun) -> str:
    return run.worker.name if run.worker else ""


def _artifacts(actor: Actor, green: PipelineRun, run: PipelineRun) -> list[str]:
    digests = [
        {row.name: row.blob.sha256 for row in artifacts.artifacts_of(actor, each.pk)}
        for each in (green, run)
    ]
    # What the failed run did not get to is no difference.
    both = digests[0].keys() & digests[1].keys()
    return sorted(name for name in both if digests[0][name] != digests[1][name])


def _components(actor: Actor, run: PipelineRun) -> int | None:
    """How many packages the run's list of ingredients names, if it made one."""
    for step in selectors.steps_of_runs(actor, [run.pk]):
        count = step.outputs.get("component_count") if step.step_type == "sbom_generate" else None
        if isinstance(count, int):
            return count
    return None


def _tests(actor: Actor, run: PipelineRun) -> list[dict[str, Any]]:
    cases = list(selectors.failed_cases(actor, run))
    known = known_tests.by_key(actor, run.pipeline_id, {case.key for case in cases})
    own = {case.report.number for case in cases}
    return [
        {
            "suite": case.suite, "name": case.name, "message": case.message,
            "is_quarantined": case.is_quarantined, **_flake(known.get(case.key), own),
        }
        for case in cases
    ]  # fmt: skip


def _flake(test: KnownTest | None, own: Collection[int]) -> dict[str, Any]:
    """Whether a test is known to pass and fail by itself, and how it ended in other reports."""
    endings = read_endings(test.recent) if test else []
    others = [each.outcome for each in endings if each.report not in own]
    return {
        "test_id": test.pk if test else None,
        "is_known_flake": bool(test and test.score),
        "flaky_score": test.score / 1000 if test else 0.0,
        "seen_failed": others.count(FAILED),
        "seen_passed": others.count(PASSED),
    }
