"""What a pipeline of a definition may do, said before somebody installs it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["starts", "code", "host", "secrets", "deploys", "messages", "ai", "asks", "other"]

_COMMANDS = {"run_command", "custom", "run_tests"}
_TOOLS = {"vulnerability_scan", "sbom_generate", "sign_artifact"}
_HOST = {"create_branch", "create_pr", "post_comment"}
_AI = {"claude_execute", "ai_workflow"}
_QUIET = {"upload_artifact", "download_artifact", "policy_gate", "code_factory_gate"}
_KNOWN = {*_COMMANDS, *_TOOLS, *_HOST, *_AI, *_QUIET, "checkout", "deploy", "notify"}


@dataclass(frozen=True, slots=True)
class Ability:
    """One thing that it may do, as a sentence for whoever decides."""

    kind: Kind
    text: str


def abilities(definition: Mapping[str, Any]) -> list[Ability]:
    """Everything that a definition reaches outside itself, most telling first."""
    steps = definition.get("steps") or []

    def named(is_wanted: Callable[[Mapping[str, Any]], bool]) -> str:
        return ", ".join(step["name"] for step in steps if is_wanted(step))

    def of(kinds: set[str]) -> str:
        return named(lambda step: step["step_type"] in kinds)

    secrets = sorted(
        {*(definition.get("secret_refs") or ()), *(
            name for step in steps for name in step.get("secret_refs") or ()
        )}
    )  # fmt: skip
    said: list[tuple[Kind, str, str]] = [
        ("starts", "Starts by: {}.", ", ".join(definition.get("triggers") or {})),
        ("code", "Reads the repository: {}.", of({"checkout"})),
        ("code", "Runs commands on a worker: {}.", of(_COMMANDS)),
        ("code", "Runs tools of the worker: {}.", of(_TOOLS)),
        ("secrets", "Reads the secrets {}.", ", ".join(secrets)),
        ("host", "Writes to the git host: {}.", of(_HOST)),
        ("deploys", "Deploys: {}.", of({"deploy"})),
        ("messages", "Sends messages: {}.", of({"notify"})),
        ("ai", "Sends text to an AI provider, which costs money: {}.", of(_AI)),
        ("asks", "Waits for people: {}.", named(lambda step: bool(step.get("requires_approval")))),
        ("other", "Runs step types that are no part of Powernode: {}.",
         named(lambda step: step["step_type"] not in _KNOWN)),
    ]  # fmt: skip
    return [Ability(kind, words.format(names)) for kind, words, names in said if names]
