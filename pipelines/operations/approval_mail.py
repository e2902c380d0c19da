"""The mail that asks for an approval: what is about to happen, and three links."""

from dataclasses import dataclass

from django.conf import settings
from django.utils.html import escape

from devops.deliveries import Mail
from pipelines.models import ApprovalGate, PipelineRun, StepApprovalToken

_STYLE = "font:15px/1.5 system-ui,sans-serif;color:#1b1f24;max-width:34rem"
_BUTTON = (
    "display:inline-block;padding:.6rem 1rem;border-radius:.4rem;text-decoration:none;"
    "font-weight:600;margin:0 .5rem .5rem 0;"
)


@dataclass(frozen=True, slots=True)
class Links:
    """Where the recipient answers; none of them decides anything by being opened."""

    approve: str
    reject: str
    dashboard: str


def links_of(run: PipelineRun, token: str) -> Links:
    """The addresses for one recipient."""
    page = f"{settings.SITE_URL}/approve/{token}"
    return Links(f"{page}?answer=approve", f"{page}?answer=reject", f"{settings.SITE_URL}{run.url}")


def facts_of(gate: ApprovalGate) -> list[tuple[str, str]]:
    """What the question is about, by name; no more than this is shown to holders of a link."""
    run = gate.run
    by = f" by {run.actor_label}" if run.actor_label else ""
    rows = [
        ("Pipeline", str(run.snapshot.get("name", ""))),
        ("Step", gate.step_name),
        ("Type", str(gate.plan.get("step_type", ""))),
        ("Run", f"#{run.run_number}"),
        ("Trigger", f"{run.get_trigger_type_display()}{by}"),
        ("Branch", run.branch),
        ("Commit", gate.commit_sha[:12]),
        ("Title", run.title),
        ("Description", str(run.snapshot.get("description", ""))[:500]),
    ]
    return [(name, value) for name, value in rows if value]


def compose(gate: ApprovalGate, token: StepApprovalToken, raw: str) -> Mail:
    """The mail to one recipient, with the token that only they get."""
    facts, links = facts_of(gate), links_of(gate.run, raw)
    pipeline = gate.run.snapshot.get("name", "")
    subject = f"Action required: approve {gate.step_name} of {pipeline} #{gate.run.run_number}"
    ends = f"{token.expires_at:%Y-%m-%d %H:%M} UTC"
    return Mail(
        subject, _text(gate, facts, links, ends), _html(gate, facts, links, ends),
        is_secret=True, sender_id=token.pk,
    )  # fmt: skip


def _asks(gate: ApprovalGate) -> str:
    words = f"A run waits for your word before the step {gate.step_name} begins."
    if gate.required > 1:
        words += f" It needs {gate.required} approvals; one rejection stops it."
    return f"{words} {gate.detail}".strip()


def _text(gate: ApprovalGate, facts: list[tuple[str, str]], links: Links, ends: str) -> str:
    lines = "\n".join(f"  {name}: {value}" for name, value in facts)
    comment = " A comment is required." if gate.require_comment else ""
    return (
        f"{_asks(gate)}\n\n{lines}\n\n"
        f"Approve: {links.approve}\nReject:  {links.reject}\n"
        f"See the run: {links.dashboard}\n\n"
        f"The links are yours alone and work until {ends}.{comment} Opening them decides nothing.\n"
    )


def _html(gate: ApprovalGate, facts: list[tuple[str, str]], links: Links, ends: str) -> str:
    rows = "".join(
        f'<tr><th align="left" style="padding:.15rem 1rem .15rem 0;font-weight:400;color:#59636e">'
        f"{escape(name)}</th><td>{escape(value)}</td></tr>"
        for name, value in facts
    )
    buttons = (
        f'<a href="{escape(links.approve)}" style="{_BUTTON}background:#1a7f37;color:#fff">'
        "Approve</a>"
        f'<a href="{escape(links.reject)}" style="{_BUTTON}background:#cf222e;color:#fff">'
        "Reject</a>"
        f'<a href="{escape(links.dashboard)}" style="{_BUTTON}color:#0969da">See the run</a>'
    )
    comment = " A comment is required." if gate.require_comment else ""
    return (
        f'<!doctype html><html lang="en"><body style="{_STYLE}"><p>{escape(_asks(gate))}</p>'
        f'<table style="border-collapse:collapse;margin:0 0 1rem">{rows}</table><p>{buttons}</p>'
        f'<p style="color:#59636e">The links are yours alone and work until {ends}.{comment} '
        "Opening them decides nothing.</p></body></html>"
    )
