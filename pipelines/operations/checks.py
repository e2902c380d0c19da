"""One status for a commit as a whole: what ran, what is under way, what was skipped and why.

A host's required check waits for ever when path filters start nothing. This one never does: a
skipped pipeline counts as a success, and the last end of a run settles it.
"""

import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from django.conf import settings
from django.db import transaction

from devops.models import Repository
from gitintegration.public import CommitStatus, StatusState, want_status
from pipelines.choices import OUR_FAULT, RUN_LIVE, RunStatus, TriggerType, WaitingFor
from pipelines.models import CommitCheck, PipelineRun

CONTEXT = "powernode"
# The events that stand for a commit; runs by hand or by a clock say nothing about it.
EVENTS = frozenset({TriggerType.PUSH, TriggerType.PULL_REQUEST})
# The filters whose refusal is a skip; other refusals mean that a pipeline was not concerned.
SKIPS = frozenset({"path", "branch", "message", "label"})
_MOST = 140
_MOST_PROBLEMS = 20
_WORST_FIRST = ("held", "live", "failure", "error", "cancelled", "success")
_WORDS = {"success": "passed", "failure": "failed", "error": "broken off", "cancelled": "cancelled"}


@transaction.atomic
def settle_check(
    repository: Repository | None,
    sha: str,
    *,
    skipped: Mapping[str, str] | None = None,
    problems: Sequence[str] | None = None,
) -> None:
    """Tell the host how a commit fares as a whole, in the caller's transaction.

    `skipped` is added to what is known of the commit, `problems` replace it; None keeps it.
    Nothing is told while nothing concerns the commit, and nothing twice. Its row is locked after
    those of pipelines, by everybody.
    """
    if repository is None or repository.provider_id is None or not sha:
        return
    outcomes = _outcomes(repository.pk, sha)
    known = CommitCheck.objects.filter(repository=repository, commit_sha=sha)
    if not (outcomes or skipped or problems or known.exists()):
        return
    CommitCheck.objects.get_or_create(
        repository=repository, commit_sha=sha, defaults={"account_id": repository.account_id}
    )
    check = known.select_for_update().get()
    # Read again below the lock: whoever ended a run meanwhile settles after us and sees it too.
    outcomes = _outcomes(repository.pk, sha)
    check.skipped = {**check.skipped, **(skipped or {})}
    check.problems = check.problems if problems is None else list(problems)[:_MOST_PROBLEMS]
    state, words = verdict(outcomes, check.skipped, check.problems)
    is_news = (state, words) != (check.state, check.description)
    check.state, check.description = state, words
    check.version += is_news
    check.save()
    if is_news:
        address = f"{settings.SITE_URL}/runs?commit={sha}"
        status = CommitStatus(CONTEXT, state, words, address)
        want_status(repository.pk, sha, status, key=f"check:{check.pk.hex}:{check.version}")


def verdict(
    outcomes: Mapping[str, str], skipped: Mapping[str, str], problems: Sequence[str]
) -> tuple[StatusState, str]:
    """The state and the words for a commit.

    `outcomes` maps pipelines to `held` (nobody allowed it yet), `live` or a status' state; a
    pipeline that ran was not skipped.
    """
    passed_over = Counter(by for key, by in skipped.items() if key not in outcomes)
    counts = Counter(outcomes.values())
    skips = _skips(passed_over)
    if counts["live"] or counts["held"]:
        begun, held = sum(counts.values()) - counts["held"], counts["held"]
        parts = [f"{begun} started"] if begun else []
        parts += [f"{held} waiting for a member"] if held else []
        return "pending", _sentence([*parts, *skips])
    parts = [f"{counts[state]} {word}" for state, word in _WORDS.items() if counts[state]]
    words = _sentence([*parts, *skips])
    if problems:
        return "failure", f"{words} {problems[0]}".strip()[:_MOST]
    worst = next((state for state in _WORST_FIRST[2:] if counts[state]), "success")
    states: dict[str, StatusState] = {
        "failure": "failure", "error": "error", "cancelled": "cancelled", "success": "success",
    }  # fmt: skip
    return states[worst], words


def _skips(passed_over: Counter[str]) -> list[str]:
    others = sum(passed_over.values()) - passed_over["path"]
    by_path = [f"{passed_over['path']} skipped by path"] if passed_over["path"] else []
    return by_path + ([f"{others} skipped"] if others else [])


def _sentence(parts: Iterable[str]) -> str:
    text = ", ".join(parts)
    return f"{text}."[:_MOST] if text else ""


def _outcomes(repository_id: uuid.UUID, sha: str) -> dict[str, str]:
    """Each pipeline's worst outcome on a commit; of several runs for one event the last counts."""
    rows = PipelineRun.objects.filter(
        repository_id=repository_id, commit_sha=sha, trigger_type__in=EVENTS
    ).order_by("id")
    newest: dict[tuple[str, str], str] = {}
    for pipeline, event, status, waiting_for, reason, is_told in rows.values_list(
        "pipeline_id", "trigger_type", "status", "waiting_for", "reason",
        "snapshot__features__commit_status",
    ):  # fmt: skip
        if is_told is not False:
            newest[str(pipeline), event] = _outcome(status, waiting_for, reason)
    worst: dict[str, str] = {}
    for (key, _), outcome in newest.items():
        worst[key] = min(worst.get(key, outcome), outcome, key=_WORST_FIRST.index)
    return worst


def _outcome(status: str, waiting_for: str, reason: str) -> str:
    if status in RUN_LIVE:
        return "held" if waiting_for == WaitingFor.TRUST else "live"
    if status == RunStatus.FAILURE and reason in OUR_FAULT:
        return "error"
    return {RunStatus.SUCCESS: "success", RunStatus.FAILURE: "failure"}.get(
        RunStatus(status), "cancelled"
    )
