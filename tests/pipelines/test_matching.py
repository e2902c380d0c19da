"""Which events start a pipeline, as a table; and that the matcher never fails on any event."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitintegration.operations.host_writes import mark
from pipelines.matching import SKIP_MARKS, match_triggers


def event(**more: Any) -> dict[str, Any]:
    """A push of main that changed two files."""
    return {
        "type": "push", "action": "", "branch": "main", "tag": "", "base_branch": "",
        "changed_paths": ["src/a.py", "docs/b.md"],
        "commit": {"title": "Mend it", "message": "Mend it"}, **more,
    }  # fmt: skip


TAG = {"branch": "", "tag": "v1.2"}


@pytest.mark.parametrize(
    ("triggers", "happened", "starts"),
    [
        ({"push": {}}, {}, True),
        ({"push": None}, {}, True),
        ({"push": True}, {}, True),
        ({"push": False}, {}, False),
        ({}, {}, False),
        ({"pull_request": {}}, {}, False),
        ({"push": {"branches": ["main"]}}, {}, True),
        ({"push": {"branches": []}}, {}, True),
        ({"push": {"branches": ["ma*"]}}, {}, True),
        ({"push": {"branches": ["release/*"]}}, {"branch": "release/1/2"}, False),
        ({"push": {"branches": ["release/**"]}}, {"branch": "release/1/2"}, True),
        ({"push": {"branches": ["**", "!main"]}}, {}, False),
        ({"push": {"branches-ignore": ["main"]}}, {}, False),
        ({"push": {"branches-ignore": ["wip/**"]}}, {}, True),
        ({"push": {}}, TAG, True),
        ({"push": {"branches": ["main"]}}, TAG, False),
        ({"push": {"tags": ["v*"]}}, TAG, True),
        ({"push": {"tags": ["w*"]}}, TAG, False),
        ({"push": {"tags": ["v*"]}}, {}, False),
        ({"push": {"tags": ["v*"], "branches": ["main"]}}, {}, True),
        ({"push": {"paths": ["src/**"]}}, {}, True),
        ({"push": {"paths": ["lib/**"]}}, {}, False),
        ({"push": {"paths": ["lib/**"]}}, {"changed_paths": None}, True),
        ({"push": {"paths-ignore": ["docs/**"]}}, {}, True),
        ({"push": {"paths-ignore": ["**/*"]}}, {}, False),
        ({"push": {}}, {"commit": {"title": "x [skip ci]", "message": ""}}, False),
        ({"push": {}}, {"commit": {"title": "x", "message": "y\n[No CI]"}}, False),
        ({"pull_request": {"actions": ["opened"]}},
         {"type": "pull_request", "action": "opened"}, True),
        ({"pull_request": {"actions": ["opened"]}},
         {"type": "pull_request", "action": "closed"}, False),
        ({"pull_request": {"branches": ["main"]}},
         {"type": "pull_request", "branch": "topic", "base_branch": "main"}, True),
        ({"issue": {"labels": ["bug"]}}, {"type": "issue", "labels": ["bug", "ui"]}, True),
        ({"issue": {"labels": ["bug"]}}, {"type": "issue", "labels": []}, False),
        ({"issue_comment": {"mention": "@bot"}},
         {"type": "issue_comment", "comment": {"body": "Hey @BOT go"}}, True),
        ({"issue_comment": {"mention": "@bot"}},
         {"type": "issue_comment", "comment": {"body": "go"}}, False),
        ({"issue_comment": {"mention": "@bot"}},
         {"type": "issue_comment", "comment": {"body": ["@bot"]}}, False),
        ({"issue_comment": {"mention": "@bot"}},
         {"type": "issue_comment", "comment": "@bot"}, False),
        ({"issue_comment": {}}, {"type": "issue_comment", "comment": {"body": "go"}}, True),
        ({"issue_comment": {}},
         {"type": "issue_comment", "comment": {"body": f"{mark('p:say')}\nDone in #7."}}, False),
        ({"issue_comment": {}},
         {"type": "issue_comment", "comment": {"body": f"Look: {mark('p:say')}"}}, True),
    ],
)  # fmt: skip
def test_an_event_starts_what_asks_for_it(
    triggers: dict[str, Any], happened: dict[str, Any], starts: bool
) -> None:
    match = match_triggers(triggers, event(**happened))

    assert match.is_match is starts
    assert match.reason.endswith(".")


names = st.text(min_size=1, max_size=40).filter(lambda name: not name.startswith("!"))


@given(branch=names)
def test_a_branch_that_is_named_literally_always_starts(branch: str) -> None:
    literal = "".join(f"\\{mark}" if mark in "*?[]{}!\\," else mark for mark in branch)

    assert match_triggers({"push": {"branches": [literal]}}, event(branch=branch)).is_match


@given(branch=names, paths=st.lists(names, max_size=5), message=st.text(max_size=80))
def test_no_event_makes_the_matcher_fail_and_everything_starts_the_open_trigger(
    branch: str, paths: list[str], message: str
) -> None:
    happened = event(branch=branch, changed_paths=paths, commit={"title": message, "message": ""})

    match = match_triggers({"push": {"branches": ["**"], "paths": ["**"]}}, happened)

    skipped = any(mark in message.lower() for mark in SKIP_MARKS)
    assert match.is_match is (not skipped and bool(paths))
