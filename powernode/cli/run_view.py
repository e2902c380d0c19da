"""A run, told in a terminal or line by line while it happens."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.status import Status
from rich.text import Text

from powernode.cli.terminal import (
    STATUS_STYLES,
    clean,
    console,
    log_line,
    plain_log_line,
    seconds_text,
    show_json,
)
from powernode.clients.following import (
    Event,
    Finished,
    LogGap,
    LogLine,
    RunChanged,
    RunFollower,
    StepChanged,
)

_GROUP, _GROUP_END = "::group::", "::endgroup::"


@dataclass(slots=True)
class RunView:
    """Tells the events of one run on a console; gives back the run as it ended."""

    out: Console = field(default_factory=console)
    logs_only: bool = False
    _seen: dict[str, str] = field(default_factory=dict)
    _said: str = ""
    _status: Status | None = None

    def tell(self, follower: RunFollower) -> dict[str, Any]:
        """Tell everything until the run is over."""
        finished: dict[str, Any] = {}
        with self._spinner():
            for event in follower:
                self._show(event)
                if isinstance(event, Finished):
                    finished = event.run
        return finished

    @contextlib.contextmanager
    def _spinner(self) -> Iterator[None]:
        """A line at the bottom that says what is going on; only where it can be redrawn."""
        if not self.out.is_terminal or self.logs_only:
            yield
            return
        with self.out.status(Text("waiting for the run to begin"), spinner="dots") as self._status:
            yield
        self._status = None

    def _show(self, event: Event) -> None:
        if isinstance(event, LogLine):
            self._show_line(event.text)
        elif isinstance(event, LogGap):
            words = f"… {event.byte_count} bytes were dropped here: the log is over its limit …"
            self._print(Text(self._margin() + words, style="yellow"))
        elif self.logs_only:
            return
        elif isinstance(event, StepChanged):
            self._show_step(event.step)
        elif isinstance(event, RunChanged):
            self._show_run(event.run)

    def _show_line(self, text: str) -> None:
        if text.startswith(_GROUP_END):
            return
        is_group = text.startswith(_GROUP)
        text = text.removeprefix(_GROUP)
        margin = Text(self._margin(), style="dim")
        if not self.out.is_terminal:
            self._print(Text(self._margin() + ("▸ " if is_group else "") + plain_log_line(text)))
        elif is_group:
            self._print(Text.assemble(margin, ("▸ " + clean(text), "bold")))
        else:
            self._print(margin + log_line(text))

    def _show_step(self, step: dict[str, Any]) -> None:
        pk, status = str(step["id"]), str(step["status"])
        if self._seen.get(pk) == status or status == "pending":
            return
        self._seen[pk] = status
        sign, style = STATUS_STYLES.get(status, ("?", ""))
        name = clean(str(step["step_name"]))
        if int(step.get("attempt") or 1) > 1:
            name += f" (attempt {step['attempt']})"
        self._update(f"{name} …" if status == "running" else "")
        line = Text.assemble((f"{sign} ", style), (name, "bold"))
        if status != "running":
            line.append(f"  {seconds_text(step.get('duration_seconds'))}", style="dim")
        if status not in {"running", "success"}:
            line.append(f"  {status.replace('_', ' ')}", style=style)
        if step.get("error_message"):
            line.append(f"\n  {clean(str(step['error_message']))}", style=style)
        self._print(line)

    def _show_run(self, run: dict[str, Any]) -> None:
        said = str(run.get("waiting_detail") or "")
        if said and said != self._said:
            self._print(Text(f"◌ waiting: {clean(said)}", style="yellow"))
        self._said = said

    def _update(self, text: str) -> None:
        if self._status is not None and text:
            self._status.update(Text(text, style="cyan"))

    def _margin(self) -> str:
        return "" if self.logs_only else "  │ "

    def _print(self, text: Text) -> None:
        self.out.print(text)


def show_events(follower: RunFollower) -> dict[str, Any]:
    """Tell everything as one JSON object per line; gives back the run as it ended."""
    finished: dict[str, Any] = {}
    for event in follower:
        show_json(event_facts(event))
        if isinstance(event, Finished):
            finished = event.run
    return finished


def event_facts(event: Event) -> dict[str, Any]:
    """An event as plain values."""
    if isinstance(event, LogLine):
        return {"type": "log", "step_key": event.step["step_key"], "text": event.text}
    if isinstance(event, LogGap):
        return {"type": "gap", "step_key": event.step["step_key"], "bytes": event.byte_count}
    if isinstance(event, StepChanged):
        return {"type": "step", "step_execution": event.step}
    kind = "finished" if isinstance(event, Finished) else "run"
    return {"type": kind, "pipeline_run": event.run}


def show_verdict(run: dict[str, Any], url: str, out: Console) -> None:
    """How a run ended, and where its page is."""
    status = str(run["status"])
    sign, style = STATUS_STYLES.get(status, ("?", ""))
    words = {"success": "succeeded", "failure": "failed", "cancelled": "was cancelled"}
    line = Text.assemble(
        (f"{sign} Run #{run['run_number']} {words.get(status, status)}", f"bold {style}"),
        (f" in {seconds_text(run.get('duration_seconds'))}", "dim"),
    )
    out.print(line)
    if run.get("error_message"):
        out.print(Text(f"  {clean(str(run['error_message']))}", style=style))
    out.print(Text(f"  {url}/runs/{run['id']}"))


def show_tests(reports: list[dict[str, Any]], out: Console) -> None:
    """The tests of a run: the counts, and each that failed with its message."""
    for report in reports:
        counts = [
            f"{report.get(name, 0)} {name}"
            for name in ("passed", "failed", "errors", "skipped")
            if report.get(name)
        ]
        out.print(Text(f"  Tests: {', '.join(counts) or 'none'}"))
        for case in report.get("cases") or []:
            if case.get("status") in {"failed", "error"}:
                name = " ".join(filter(None, (case.get("suite"), case.get("name"))))
                out.print(Text(f"  ✗ {clean(name)}", style="bold red"))
                message = clean(str(case.get("message") or ""))[:500]
                if message:
                    out.print(Text(f"    {message}", style="red"))
