"""A step that could never work is refused when it is written, at its line and in words."""

from typing import Any

import pytest

from devops.safety.documents import dump_yaml
from pipelines import step_types
from pipelines.documents import to_definition
from pipelines.linting import lint_stored, lint_text

ANSWERS = [
    ("deploy", {}, "Nothing says how to deploy"),
    ("deploy", {"strategy": "webhook"}, "needs `webhook_url`"),
    ("deploy", {"strategy": "api"}, "needs `api_url`"),
    ("deploy", {"strategy": "command", "webhook_url": "https://example.com"}, "needs `command`"),
    ("deploy", {"strategy": "kubernetes"}, "not offered"),
    ("deploy", {"strategy": "swarm"}, "not offered"),
    ("notify", {"channel": "email"}, "say in `to`"),
    ("notify", {"channel": "slack", "message": "x"}, "needs its address in `url`"),
    ("post_comment", {}, "There is nothing to say"),
    ("post_comment", {"body_from": "tests"}, "one of its outputs"),
    ("claude_execute", {}, "Give either `prompt` or `prompt_template`."),
    ("claude_execute", {"prompt": "x", "prompt_template": "y"}, "Give either"),
    ("ai_workflow", {"stages": [{"name": "a"}]}, "Give either"),
    ("ai_workflow", {"stages": [{"name": "a", "prompt": "x"}] * 2}, "Two stages have one name."),
    ("sign_artifact", {"artifact_path": "x", "signer": "gpg"}, "`gpg_key_id`"),
    ("sign_artifact", {"artifact_path": "x", "keyless": False}, "`key_path`"),
    ("sbom_generate", {"format": "spdx"}, "set `tool: syft`"),
    ("vulnerability_scan", {"scanner": "pip-audit", "scan_type": "image"}, "set `scan_type: fs`"),
    ("vulnerability_scan", {"scan_type": "image", "target": "-x"}, "dash"),
]


def document(uses: str, configuration: dict[str, Any], **more: Any) -> dict[str, Any]:
    step = {"name": "Ship", "uses": uses, "with": configuration, **more}
    return {"name": "x", "on": {"manual": {}}, "steps": [step]}


@pytest.mark.parametrize(("uses", "configuration", "said"), ANSWERS)
def test_what_can_never_work_is_said_at_its_place(
    uses: str, configuration: dict[str, Any], said: str
) -> None:
    (found,) = lint_text(dump_yaml(document(uses, configuration)))
    assert said in found.message
    assert (found.severity, found.code) == ("error", "configuration")
    assert found.pointer.startswith("/steps/0/with")
    assert found.line > 4

    (stored,) = lint_stored(to_definition(document(uses, configuration)))
    assert stored.message == found.message
    assert stored.pointer.startswith("/steps/0")


def test_a_step_without_any_configuration_is_pointed_at_itself() -> None:
    text = "name: x\nsteps:\n  - name: a\n    uses: checkout\n  - name: b\n    uses: deploy\n"
    (found,) = lint_text(text)
    assert (found.pointer, found.line) == ("/steps/1", 5)


def test_steps_of_a_group_and_at_the_end_are_looked_at_too() -> None:
    wrong = {"name": "w", "uses": "post_comment"}
    inside = {"name": "g", "parallel": [{"name": "o", "uses": "checkout"}, wrong]}
    whole = {"name": "x", "steps": [inside], "finally": [wrong | {"name": "v"}]}
    pointers = [found.pointer for found in lint_text(dump_yaml(whole))]
    assert pointers == ["/steps/0/parallel/1", "/finally/0"]


@pytest.mark.parametrize(
    ("uses", "configuration", "more"),
    [
        ("deploy", {"strategy": "${{ inputs.how }}"}, {}),
        ("deploy", {"strategy": "webhook", "webhook_url": "${{ env.URL }}"}, {}),
        ("deploy", {"strategy": "webhook"}, {"inputs": {"webhook_url": "${{ env.URL }}"}}),
        ("notify", {"channel": "${{ inputs.how }}"}, {}),
        ("sbom_generate", {"format": "spdx", "tool": "${{ inputs.how }}"}, {}),
        ("sign_artifact", {"artifact_path": "x", "keyless": "${{ inputs.how == 'a' }}"}, {}),
    ],
)
def test_what_is_known_only_at_run_time_is_not_judged_before(
    uses: str, configuration: dict[str, Any], more: dict[str, Any]
) -> None:
    whole = document(uses, configuration, **more)
    whole["on"] = {"manual": {"inputs": {"how": {"type": "string"}}}}
    whole["env"] = {"URL": "https://example.com"}
    assert lint_text(dump_yaml(whole)) == []


def test_what_the_schema_says_is_said_once() -> None:
    whole = document("deploy", {"strategy": "webhok", "commnd": "x"})
    codes = [found.code for found in lint_text(dump_yaml(whole))]
    assert len(codes) == 2
    assert "configuration" not in codes


def test_every_example_is_right() -> None:
    for kind in step_types.all_types():
        assert step_types.more_problems(kind.name, kind.example) == [], kind.name
