"""A model is asked why a run failed: by a person, or because the pipeline wants it."""

import contextlib
import re
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from containers.public import resolve_secrets
from devops import ai_spending, audit
from devops.access import Actor, system_actor
from devops.errors import Conflict, DomainError
from devops.safety.masking import Masker
from devops.storage import log_reader
from pipelines.ai.conversation import AskingFailed, Budget, Conversation
from pipelines.ai.hints import HINT_SCHEMA, QUESTION, SYSTEM, Hint, checked
from pipelines.ai.material import Material, one_line
from pipelines.ai.proposals import ProposalRefused, instruction, read_answer
from pipelines.choices import RunStatus
from pipelines.diagnosis import diagnose, words_of
from pipelines.hints import last_hint
from pipelines.jobs import ANSWER_HINT
from pipelines.models import FailureHint, PipelineRun, StepExecution

ASK = "devops.pipeline_runs.write"
# What one question may use; the provider's monthly budget holds besides.
_BUDGET = Budget(micro_usd=500_000, tokens=150_000, turns=2, seconds=120.0)
_CLAIM = timedelta(seconds=180)
_MOST_TRIES = 3
_BEFORE_ERROR, _AFTER_ERROR, _LAST = 60, 100, 40
_LINE_MAX = 500
_MATERIAL_BYTES = 60_000
_SHOWN_TESTS = 20
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@transaction.atomic(durable=True)
def ask_ai(actor: Actor, run: PipelineRun, *, again: bool = False) -> FailureHint:
    """Have a model asked why a run failed; the one that was asked, unless it is to be asked again.

    Raises:
        Conflict: the run has not failed, or the account has no usable AI provider.
    """
    actor.require(ASK)
    # Locked, so that two who press at once ask once.
    locked = PipelineRun.objects.select_for_update().get(pk=run.pk)
    if locked.status != RunStatus.FAILURE:
        raise Conflict(
            f"Run #{locked.run_number} has not failed; there is nothing to explain.",
            remedy="Ask about a run that ended as a failure.",
        )
    last = last_hint(actor, locked)
    if last is not None and (last.is_open or not again):
        return last
    ai_spending.usable_config(locked.account_id)
    hint = want_hint(locked, actor.label, number=last.number + 1 if last else 1)
    audit.record(actor, "devops.pipeline_run.ask_ai", locked, detail={"number": hint.number})
    return hint


def want_hint(run: PipelineRun, asked_by: str, *, number: int = 1) -> FailureHint:
    """Insert the question and wake who asks it, inside the caller's transaction."""
    hint = FailureHint.objects.create(
        account_id=run.account_id, run=run, number=number, asked_by=asked_by[:200]
    )
    ANSWER_HINT.send(hint_id=str(hint.pk))
    return hint


def is_asked(run: PipelineRun) -> bool:
    """Whether somebody has asked about a run already."""
    return FailureHint.objects.filter(run=run).exists()


def wake_hints() -> int:
    """Wake the questions that nobody is asking, for example after a worker's death."""
    free = Q(claimed_until=None) | Q(claimed_until__lt=timezone.now())
    rows = FailureHint.objects.filter(free, ended_at=None)
    # A new one has just been woken by who wrote it.
    due = rows.filter(created_at__lt=timezone.now() - timedelta(seconds=5))
    keys = list(due.values_list("pk", flat=True)[:100])
    for key in keys:
        ANSWER_HINT.send_now(hint_id=str(key))
    return len(keys)


def answer_hint(hint_id: str) -> None:
    """Ask the model and keep its checked answer; however often it is called, one asks at a time.

    Three beats: claim the question, ask without a transaction, keep the answer.
    """
    hint = _claim(hint_id)
    if hint is None:
        return
    talk: Conversation | None = None
    try:
        talk = _conversation(hint)
        failed, found = _asked(hint, talk)
    except (AskingFailed, DomainError) as error:
        _end(hint, talk, _failure(error))
        return
    answer = {
        "step_execution": failed, "hypothesis": found.hypothesis, "confidence": found.confidence,
        "citations": found.citations, "dropped_citations": found.dropped,
        "next_steps": found.next_steps,
    }  # fmt: skip
    _end(hint, talk, answer)


@transaction.atomic(durable=True)
def _claim(hint_id: str) -> FailureHint | None:
    rows = FailureHint.objects.select_related("run__pipeline").select_for_update(of=("self",))
    hint = rows.filter(pk=hint_id, ended_at=None).first()
    now = timezone.now()
    if hint is None or (hint.claimed_until is not None and hint.claimed_until > now):
        return None
    if hint.tries >= _MOST_TRIES:
        words = f"{_MOST_TRIES} workers died while they asked. Ask again."
        FailureHint.objects.filter(pk=hint_id).update(
            ended_at=now, reason="worker_lost", error_message=words
        )
        return None
    hint.claimed_until, hint.tries = now + _CLAIM, hint.tries + 1
    hint.save(update_fields=["claimed_until", "tries", "updated_at"])
    return hint


def _end(hint: FailureHint, talk: Conversation | None, values: dict[str, Any]) -> None:
    """Keep how it ended, unless another asks by now: its tries are a fence."""
    purpose = _purpose(hint)
    cost: dict[str, Any] = {}
    if talk is not None:
        cost = {
            "model": talk.model[:100], "input_tokens": talk.tally.input_tokens,
            "output_tokens": talk.tally.output_tokens,
            "cost_micro_usd": ai_spending.spent_for(purpose, hint.account_id),
        }  # fmt: skip
    rows = FailureHint.objects.filter(pk=hint.pk, tries=hint.tries, ended_at=None)
    if rows.update(**values, **cost, ended_at=timezone.now()):
        ai_spending.forget_replies(hint.account_id, purpose)


def _failure(error: AskingFailed | DomainError) -> dict[str, Any]:
    if isinstance(error, AskingFailed):
        return {"reason": error.reason[:30], "error_message": error.message}
    return {"reason": "no_config", "error_message": f"{error.detail} {error.remedy}".strip()}


def _purpose(hint: FailureHint) -> str:
    return f"hint:{hint.pk.hex}"


def _conversation(hint: FailureHint) -> Conversation:
    config = ai_spending.usable_config(hint.account_id)
    return Conversation(
        config, config.model, _purpose(hint), _BUDGET, SYSTEM, log=lambda _text: None,
        should_stop=lambda: "", spender="question", remedy="Raise the limits of the provider.",
    )  # fmt: skip


def _asked(hint: FailureHint, talk: Conversation) -> tuple[StepExecution | None, Hint]:
    run = hint.run
    actor = system_actor(run.account_id)
    evidence = diagnose(actor, run)
    material = Material(_MATERIAL_BYTES, _masker_of(run), hint.pk.hex)
    step = evidence["step"]
    failed = StepExecution.objects.filter(pk=step["id"]).first() if step else None
    material.add("what is known", "\n".join(_known(run, evidence)))
    sent = _lines(failed, material) if failed else {}
    prompt = f"{QUESTION}\n\n{material.fenced()}\n\n{instruction(HINT_SCHEMA)}"
    answer = talk.say(prompt)
    try:
        value = read_answer(answer, HINT_SCHEMA)
    except ProposalRefused as error:
        again = talk.say(f"{error}\nAnswer again with the whole corrected JSON value alone.")
        try:
            value = read_answer(again, HINT_SCHEMA)
        except ProposalRefused as still:
            text = f"The model's answer does not fit, also after one correction. {still}"
            raise AskingFailed(text, "schema") from still
    return failed, checked(value, sent)


def _known(run: PipelineRun, evidence: dict[str, Any]) -> list[str]:
    """What the diagnosis shows without a model, a line for each; names only, never values."""
    step = evidence["step"] or {}
    lines = [
        f"Pipeline: {one_line(str(run.snapshot.get('name', '')))}",
        f"Failed step: {one_line(str(step.get('name', '')))} ({step.get('step_type', '')})",
        f"The step's end: {one_line(str(evidence['message']), 500)}",
        *(f"Differs from the last green run: {one_line(each, 500)}" for each in words_of(evidence)),
    ]
    for test in evidence["failed_tests"][:_SHOWN_TESTS]:
        flake = " (known to flake)" if test["is_known_flake"] else ""
        words = one_line(f"{test['suite']} {test['name']}: {test['message']}", 500)
        lines.append(f"Failed test{flake}: {words}")
    return lines


def _lines(failed: StepExecution, material: Material) -> dict[int, str]:
    """Add the lines around the first error and the last ones; those that were sent, by number."""
    last = log_reader.state(failed.log_id).total_lines
    around = failed.first_error_line or last
    first = max(1, around - _BEFORE_ERROR)
    page = log_reader.read_lines(failed.log_id, first, _BEFORE_ERROR + _AFTER_ERROR)
    found = {line.number: _plain(line.text) for line in page.lines}
    tail = log_reader.read_lines(failed.log_id, max(1, last - _LAST + 1), _LAST)
    found |= {line.number: _plain(line.text) for line in tail.lines}
    text = "\n".join(f"{number}\t{line}" for number, line in sorted(found.items()))
    material.add("log of the failed step, numbered", text)
    # Cut and masked, as it is sent.
    shown = material.pieces[-1][1].split("\n") if material.pieces else []
    kept = (each.partition("\t") for each in shown if "\t" in each)
    return {int(number): line for number, _, line in kept if number.isascii() and number.isdigit()}


def _plain(text: str) -> str:
    """A line of a log without what colours it."""
    return _COLOURS.sub("", text).rstrip()[:_LINE_MAX]


def _masker_of(run: PipelineRun) -> Any:
    """Takes out the values of the secrets that the run's definition names."""
    named = {*(run.snapshot.get("secret_refs") or ())}
    for step in run.snapshot.get("steps", ()):
        named |= {*(step.get("secret_refs") or ())}
    values: list[str] = []
    for name in sorted(named):
        # One that is gone cannot be looked for; the log was masked when it was written.
        with contextlib.suppress(DomainError):
            values += resolve_secrets(run.account_id, [name]).values()

    def mask(data: bytes) -> bytes:
        masker = Masker(values)
        return masker.feed(data) + masker.flush()

    return mask
