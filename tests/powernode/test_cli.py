import io
import json
import os
import pty
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.utils import timezone
from rich.console import Console

from devops.models import Account, ApiToken, AuditEvent, Membership, User
from devops.tokens import find_token
from powernode.cli import application, run_view, terminal
from powernode.cli.runs import find_run, typed_inputs
from powernode.clients.api import PowernodeClient
from powernode.clients.errors import Refused
from powernode.clients.following import LogGap, LogLine, StepChanged
from powernode.configuration import ROOT
from tests.client import ApiClient
from tests.factories.devops import UserFactory
from tests.factories.pipelines import PipelineFactory, RunFactory
from tests.powernode.in_process import InProcess

GOOD = """
name: Demo
on: {push: {}}
steps:
  - {name: Say, uses: run_command, with: {command: echo hello}}
"""


@dataclass(frozen=True)
class Said:
    """What a command line answered."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Command = Callable[..., Said]


@pytest.fixture
def powernode(capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs one command line in this process, as in a pipe."""

    def run(*arguments: str) -> Said:
        code = application.run(list(arguments))
        captured = capsys.readouterr()
        return Said(code, captured.out, captured.err)

    return run


def typed(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the next command read this from its stdin, which is no terminal."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))


# lint and expr


def test_a_good_document_passes(powernode: Command, tmp_path: Path) -> None:
    path = tmp_path / "good.yml"
    path.write_text(GOOD)
    said = powernode("lint", str(path))
    assert (said.code, said.out) == (0, "")
    assert "without findings" in said.err


def test_an_error_is_told_with_file_line_column_and_remedy(
    powernode: Command, tmp_path: Path
) -> None:
    path = tmp_path / "bad.yml"
    path.write_text(GOOD.replace("run_command", "run_comand"))
    said = powernode("lint", str(path))
    assert said.code == 1
    assert re.search(rf"^{re.escape(str(path))}:5:\d+: error: .*run_comand", said.out)
    assert "run_command" in said.out
    assert "1 error" in said.err


def test_lint_answers_with_json(powernode: Command, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.yml", tmp_path / "bad.yml"
    good.write_text(GOOD)
    bad.write_text("name: [")
    said = powernode("lint", str(good), str(bad), "--json")
    assert said.code == 1
    assert said.json["valid"] is False
    assert said.json["files"][0] == {"file": str(good), "findings": []}
    finding = said.json["files"][1]["findings"][0]
    assert {"line", "column", "severity", "code", "message", "remedy"} <= finding.keys()


def test_the_demonstrations_own_pipeline_is_without_findings(powernode: Command) -> None:
    path = "powernode/demonstration/project/.powernode/ci.yml"
    assert powernode("lint", path, "--json").json["files"][0]["findings"] == []


def test_a_file_that_is_missing_is_a_wrong_use(powernode: Command, tmp_path: Path) -> None:
    said = powernode("lint", str(tmp_path / "none.yml"))
    assert said.code == 2
    assert "No such file" in said.err


@pytest.mark.parametrize(
    ("expression", "answer"),
    [
        ("'a' == 'A'", "true\n"),
        ("format('{0}!', 'hi')", "hi!\n"),
        ("fromJSON('[1, 2]')[1]", "2\n"),
        ("nothing.at.all", "null\n"),
        ("on ${{ 'x' }}", "on x\n"),
    ],
)
def test_an_expression_is_evaluated(powernode: Command, expression: str, answer: str) -> None:
    assert powernode("expr", expression) == Said(0, answer, "")


def test_an_expression_reads_contexts_from_a_file(powernode: Command, tmp_path: Path) -> None:
    path = tmp_path / "contexts.yml"
    path.write_text("trigger: {branch: main}\n")
    said = powernode("expr", "trigger.branch", "--context", str(path), "--json")
    assert said.json == {"value": "main"}


def test_a_wrong_expression_shows_the_place(powernode: Command) -> None:
    said = powernode("expr", "1 == == 2")
    assert said.code == 1
    assert "\n       ^" in said.err


def test_a_context_that_is_no_object_is_refused(powernode: Command, tmp_path: Path) -> None:
    path = tmp_path / "contexts.yml"
    path.write_text("- a\n")
    said = powernode("expr", "1", "--context", str(path), "--json")
    assert said.code == 2
    assert "no object" in json.loads(said.err)["error"]["message"]


# people and tokens


@pytest.mark.django_db
def test_a_person_is_created_with_a_made_password_and_an_account(
    powernode: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed("", monkeypatch)
    said = powernode("user", "create", "Ann@Example.com", "--account", "Tea Shop", "--json")
    assert said.code == 0, said.err
    assert said.json["account"] == "tea-shop"
    assert authenticate(username="ann@example.com", password=said.json["password"])
    membership = Membership.objects.get(user__email="ann@example.com")
    assert (membership.role, membership.account.name) == ("owner", "Tea Shop")
    actions = list(AuditEvent.objects.values_list("action", flat=True))
    assert sorted(actions) == ["account.create", "account.member.add"]


@pytest.mark.django_db
def test_a_password_is_read_from_stdin_and_not_shown(
    powernode: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed("violet-umbrella-17\n", monkeypatch)
    said = powernode("user", "create", "ann@example.com", "--operator", "--password-stdin")
    assert said.code == 0, said.err
    assert "violet" not in said.out + said.err
    user = authenticate(username="ann@example.com", password="violet-umbrella-17")
    assert isinstance(user, User)
    assert user.is_superuser


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("arguments", "stdin", "words"),
    [
        (["nobody"], "", "no e-mail address"),
        (["a@example.com", "--role", "king"], "", "no role 'king'"),
        (["a@example.com", "--password-stdin"], "12345\n", "password is refused"),
        (["a@example.com", "--account", "!!!"], "", "no letters"),
    ],
)
def test_a_person_that_cannot_be_is_refused(
    powernode: Command,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    stdin: str,
    words: str,
) -> None:
    typed(stdin, monkeypatch)
    said = powernode("user", "create", *arguments)
    assert said.code == 1
    assert words in said.err
    assert not User.objects.exists()
    assert not Account.objects.exists()


@pytest.mark.django_db
def test_an_address_is_taken_whatever_its_case(powernode: Command) -> None:
    UserFactory.create(email="ann@example.com")
    said = powernode("user", "create", "ANN@example.com")
    assert said.code == 1
    assert "exists already" in said.err


def test_a_deactivated_persons_tokens_stop_and_come_back(
    powernode: Command, alice: ApiClient
) -> None:
    assert find_token(alice.token) is not None
    assert powernode("user", "deactivate", alice.user.email).code == 0
    assert find_token(alice.token) is None
    assert powernode("user", "activate", alice.user.email).code == 0
    assert find_token(alice.token) is not None


@pytest.mark.django_db
def test_the_last_operator_cannot_be_shut_out(powernode: Command) -> None:
    UserFactory.create(email="op@example.com", is_superuser=True)
    said = powernode("user", "deactivate", "op@example.com")
    assert said.code == 1
    assert "only active operator" in said.err
    assert User.objects.get().is_active


def test_a_new_password_replaces_the_old_one(
    powernode: Command, alice: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed("", monkeypatch)
    made = powernode("user", "password", alice.user.email, "--json").json["password"]
    assert authenticate(username=alice.user.email, password=made)
    assert not authenticate(username=alice.user.email, password="correct horse")


def test_people_are_listed_with_their_accounts(powernode: Command, alice: ApiClient) -> None:
    said = powernode("user", "list")
    cells = said.out.rstrip("\n").split("\t")
    assert cells[0] == "alice@example.com"
    assert cells[-1] == f"{alice.account.slug} (owner)"
    assert powernode("user", "list", "--json").json[0]["active"] is True


def test_a_token_is_created_shown_once_and_works(powernode: Command, alice: ApiClient) -> None:
    said = powernode("token", "create", "ci", "--user", alice.user.email, "--days", "7")
    token = find_token(said.out.strip())
    assert token is not None
    assert token.scopes == ["read"]
    assert token.expires_at is not None
    assert token.expires_at < timezone.now() + timedelta(days=7, minutes=1)
    assert said.out.strip() not in powernode("token", "list").out


def test_a_token_is_revoked_by_its_prefix(powernode: Command, alice: ApiClient) -> None:
    text = powernode("token", "create", "ci", "--user", alice.user.email, "--json").json["token"]
    prefix = ApiToken.objects.get(name="ci").prefix
    assert powernode("token", "revoke", prefix).code == 0
    assert find_token(text) is None
    states = {row["name"]: row["state"] for row in powernode("token", "list", "--json").json}
    everything = powernode("token", "list", "--all", "--json").json
    assert "ci" not in states
    assert {row["name"]: row["state"] for row in everything}["ci"] == "revoked"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--user", "alice@example.com", "--scope", "everything"], "No such scope: everything"),
        (["--user", "nobody@example.com"], "Nobody has the address"),
        (["--user", "alice@example.com", "--account", "else"], "not a member of else"),
    ],
)
def test_a_token_that_cannot_be_is_refused(
    powernode: Command, alice: ApiClient, arguments: list[str], words: str
) -> None:
    said = powernode("token", "create", "ci", *arguments)
    assert said.code == 1
    assert words in said.err
    assert not ApiToken.objects.filter(name="ci").exists()


# the reference


def test_the_reference_describes_every_command_and_every_exit_code() -> None:
    text = (ROOT / "docs" / "reference" / "cli.md").read_text()
    described = set(re.findall(r"^### `([a-z-]+)", text, flags=re.MULTILINE))
    commands = {
        command.name or getattr(command.callback, "__name__", "")
        for command in application.app.registered_commands
        if not command.hidden
    }
    assert described == commands | {str(group.name) for group in application.app.registered_groups}
    codes = {int(code) for code in re.findall(r"^\| (\d+) \|", text, flags=re.MULTILINE)}
    assert codes == {
        0, terminal.FAILED, terminal.USAGE, terminal.UNREACHABLE, terminal.REFUSED,
        terminal.INTERRUPTED,
    }  # fmt: skip


# runs


def client_of(person: ApiClient) -> PowernodeClient:
    return PowernodeClient("http://localhost", person.token, transport=InProcess())


def test_a_run_is_found_by_identifier_number_and_as_the_last(alice: ApiClient) -> None:
    pipeline = PipelineFactory.create(account=alice.account, slug="shop")
    runs = [
        RunFactory.create(account=alice.account, pipeline=pipeline, run_number=number)
        for number in (1, 2, 3)
    ]
    with client_of(alice) as client:
        assert find_run(client, str(runs[0].pk))["id"] == str(runs[0].pk)
        assert find_run(client, "#2", "shop")["id"] == str(runs[1].pk)
        assert find_run(client, "2", "shop")["id"] == str(runs[1].pk)
        assert find_run(client, "last")["id"] == str(runs[2].pk)
        with pytest.raises(terminal.CommandError, match="any pipeline"):
            find_run(client, "#2")
        with pytest.raises(terminal.CommandError, match="no run #9"):
            find_run(client, "#9", "shop")


def test_a_run_of_another_account_is_not_found(alice: ApiClient, charlie: ApiClient) -> None:
    run = RunFactory.create(account=charlie.account)
    with client_of(alice) as client, pytest.raises(Refused):
        find_run(client, str(run.pk))


def test_inputs_get_the_types_that_the_pipeline_declares() -> None:
    inputs = {
        "dry": {"type": "boolean"}, "count": {"type": "number"}, "text": {"type": "string"},
        "size": {"type": "choice", "options": [1, "large"]},
    }  # fmt: skip
    pipeline = {"triggers": {"manual": {"inputs": inputs}}}
    given = {"dry": "true", "count": "2.5", "text": "7", "size": "1", "other": "x"}
    assert typed_inputs(pipeline, given) == {
        "dry": True, "count": 2.5, "text": "7", "size": 1, "other": "x"
    }  # fmt: skip
    assert typed_inputs(pipeline, {"count": "many"}) == {"count": "many"}


def test_an_absent_server_has_an_exit_code_of_its_own(powernode: Command) -> None:
    said = powernode("runs", "--url", "http://127.0.0.1:1", "--token", "pn_x", "--json")
    assert said.code == 3
    assert "does not answer" in json.loads(said.err)["error"]["message"]
    assert "powernode up" in json.loads(said.err)["error"]["remedy"]


def test_a_malformed_input_is_a_wrong_use(powernode: Command) -> None:
    said = powernode("trigger", "x", "--input", "novalue", "--url", "http://127.0.0.1:1")
    assert said.code == 2
    assert "name=value" in said.err


@pytest.mark.parametrize("arguments", [["nosuch"], ["runs", "--limit", "0"], ["lint"]])
def test_a_command_line_that_makes_no_sense_exits_with_2(
    powernode: Command, arguments: list[str]
) -> None:
    assert powernode(*arguments).code == 2


# what is shown


def view() -> tuple[run_view.RunView, io.StringIO]:
    out = io.StringIO()
    return run_view.RunView(out=Console(file=out, markup=False, highlight=False, width=400)), out


STEP = {"id": "s", "step_key": "build", "step_name": "Build [red]", "attempt": 2}


def test_a_run_is_told_in_plain_lines_in_a_pipe() -> None:
    told, out = view()
    for event in (
        StepChanged({}, {**STEP, "status": "running"}),
        LogLine(STEP, "::group::Packing"),
        LogLine(STEP, "10%\r100% \x1b[32mdone\x1b[0m\x1b]0;title\x07\x1b[2J"),
        LogLine(STEP, "::endgroup::"),
        LogGap(STEP, 4096),
        StepChanged({}, {**STEP, "status": "failure", "error_message": "It broke."}),
    ):
        told._show(event)
    assert out.getvalue().splitlines() == [
        "● Build [red] (attempt 2)",
        "  │ ▸ Packing",
        "  │ 100% done",
        "  │ … 4096 bytes were dropped here: the log is over its limit …",
        "✗ Build [red] (attempt 2)    failure",
        "  It broke.",
    ]


@pytest.mark.parametrize(
    "hostile",
    [
        "\x1b]52;c;c3RvbGVu\x07", "\x1b]0;own\x1b\\", "\x1bPq#0\x1b\\", "\x1b[2J\x1b[H", "\x1bc",
        "\x9b2J", "\x07\x08\x7f", "\u202e\u2066", "\x1b[?1049h", "\x1b",
    ],
)  # fmt: skip
def test_nothing_that_a_terminal_obeys_comes_through(hostile: str) -> None:
    for shown in (
        terminal.clean(f"a{hostile}b"),
        terminal.plain_log_line(f"a{hostile}b"),
        terminal.log_line(f"a{hostile}b").plain,
    ):
        assert re.fullmatch(r"a[ -~]*b|ab|a", shown), repr(shown)
        assert "\x1b" not in shown


def test_colours_of_a_log_survive_on_a_terminal() -> None:
    line = terminal.log_line("\x1b[1;31mred\x1b[0m plain")
    assert line.plain == "red plain"
    assert [str(span.style) for span in line.spans] == ["bold color(1)"]


def test_a_table_is_coloured_on_a_terminal_and_tab_separated_in_a_pipe(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [("#1", "failure", "a\tb\nc")]
    terminal.show_table(("Run", "Status", "Title"), rows, "none")
    assert capfd.readouterr().out == "#1\tfailure\ta b c\n"

    leader, follower = pty.openpty()
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    with os.fdopen(follower, "w") as screen, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", screen)
        terminal.show_table(("Run", "Status", "Title"), rows, "none")
    shown = os.read(leader, 65536).decode()
    os.close(leader)
    assert "Status" in shown
    assert "✗ failure" in shown
    assert "\x1b[1;31m" in shown


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, ""), (0.04, "0.0s"), (59.94, "59.9s"), (185, "3m 05s"), (7500, "2h 05m")],
)
def test_durations_are_told_as_people_say_them(seconds: float | None, text: str) -> None:
    assert terminal.seconds_text(seconds) == text
