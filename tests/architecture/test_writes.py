"""How rows are written: statuses by transition, tasks by reference, operations whole."""

import ast

import pytest

from tests.architecture.sources import called, calls, modules

# Who may set a status without `StateMachine.transition`, and why.
STATUS_WRITERS = {
    "devops/state.py": "is the state machine",
    "containers/operations/docker_hosts.py": "a host's status is its Engine's word, nobody listens",
    "devops/deliveries.py": "outgoing deliveries have no listeners; the row is locked",
    "gitintegration/operations/dispatches.py": "a runner's status is the host's word and our guess",
    "gitintegration/operations/host_writes.py": "nobody listens; each row is claimed before it",
    "gitintegration/operations/runners.py": "a runner's status follows its host",
    "gitintegration/operations/workflow_triggers.py": "a rule's switch, nobody listens to it",
    "pipelines/engine/boundary.py": "writes a move and its fence in one statement",
    "pipelines/engine/moves.py": "shows the move on the engine's own copy; boundary writes it",
    "pipelines/operations/creation.py": "a run is born with it",
    "pipelines/operations/gates.py": "a link's status follows its gate, nobody listens to it",
    "pipelines/operations/builtin_templates.py": "a template's status has no listeners",
    "pipelines/operations/templates.py": "a template's status has no listeners; its row is locked",
    "pipelines/operations/workers.py": "a worker's status is its lease's, nobody listens to it",
    "pipelines/written.py": "finds the text that a definition was written as",
    "pipelines/states.py": "ends all pending steps in one compare-and-set",
    "powernode/clients/errors.py": "is the status of an HTTP answer",
}

PART = "is part of an operation's transaction"
READS = "reads only"
SEVERAL = "calls several operations in turn"
ONE = "is one statement"
ASKS = "asks the git host outside of its transactions"
# Public functions of operations that are not one durable transaction, and why.
NOT_DURABLE = {
    "containers/operations/docker_hosts.py": {
        "ask_host": "asks the Engine before its one transaction",
        "endpoint_of": READS,
        "engine_version": "asks an Engine and writes nothing",
        "host_for": "looks before its one transaction",
        "test_host": "asks the Engine before its one transaction",
    },
    "containers/operations/host_endpoints.py": {"check_endpoint": READS, "check_pem": READS},
    "containers/operations/instances.py": {
        "default_limits": READS,
        "find_instance": READS,
        "note_on": "one statement under the owner's fence",
        "is_held": READS,
        "renew_leases": "one statement",
        "release_owners": PART,
        "attachable_owners": READS,
    },
    "containers/operations/reaping.py": {
        "give_up_abandoned": "one transaction for each row",
        "sweep_hosts": "hands each host to a thread",
        "sweep_host": "asks the Engine; what it writes is one statement",
        "remove_old_instances": "one statement",
        "look_at_hosts": "hands each host to a thread",
    },
    "containers/operations/running.py": {"run_container": "each move is a transaction of its own"},
    "containers/operations/secrets.py": {"binding_of": READS},
    "devops/operations/accounts.py": {"open_account": "belongs to the sign-up's transaction"},
    "devops/operations/invitations.py": {"create_invitation": "mails after its transaction"},
    "devops/operations/members.py": {"check_role": READS, "insert_membership": PART},
    "devops/operations/prompt_templates.py": {"insert_starters": PART},
    "devops/operations/providers.py": {"in_use": READS},
    "gitintegration/operations/account_webhooks.py": {
        "fan_out": PART,
        "note_delivery": "looks before its one transaction",
        "secret_key": READS,
        "signature_secret": READS,
        "masked_secret": READS,
        "health_of": READS,
    },
    "gitintegration/operations/activity.py": {"weekly_commits": "talks to the git host only"},
    "gitintegration/operations/approvals.py": {
        "request_approval": PART,
        "follow_host": PART,
        "expire_stale": SEVERAL,
        "can_respond": READS,
        "may_approve": READS,
    },
    "gitintegration/operations/available.py": {"available_repositories": READS},
    "gitintegration/operations/branch_filters.py": dict.fromkeys(
        ("passes", "check_filter", "wildcard"), READS
    ),
    "gitintegration/operations/ci.py": {
        **dict.fromkeys(("take_run", "take_jobs", "take_event"), PART),
        **dict.fromkeys(
            (
                "sync_run",
                "sync_recent_runs",
                "list_workflows",
                "trigger_run",
                "start_workflow",
                "cancel_run",
                "retry_run",
            ),
            ASKS,
        ),
        "sweep_active_runs": READS,
    },
    "gitintegration/operations/collaboration.py": {
        **dict.fromkeys(
            ("ensure_branch", "ensure_pull_request", "ensure_comment", "publish_changes"), ASKS
        ),
        "difference_of": ASKS,
        "host_of": READS,
    },
    "gitintegration/operations/connections.py": {
        **dict.fromkeys(("connected", "connected_to", "open_client", "access_for"), ASKS),
        "oauth_client": READS,
        "renew_due_tokens": SEVERAL,
    },
    "gitintegration/operations/credential_checks.py": dict.fromkeys(
        ("check_credential", "try_credential"), ASKS
    ),
    "gitintegration/operations/credentials.py": {
        **dict.fromkeys(
            ("replace_secret", "record_success", "record_failure", "note_next_try"), PART
        ),
        **dict.fromkeys(
            (
                "secret_of",
                "is_healthy",
                "can_be_used",
                "is_expired",
                "expires_soon",
                "key_id",
                "checked_secret",
            ),
            READS,
        ),
        "warn_of_expiry": SEVERAL,
    },
    "gitintegration/operations/deliveries.py": {
        "receive_delivery": "refuses before its transaction",
    },
    "gitintegration/operations/dispatches.py": {
        "pick_runner": READS,
        "dispatch": ASKS,
        "poll_dispatches": SEVERAL,
    },
    "gitintegration/operations/endpoints.py": {
        "reveal_endpoint": READS,
        "hook_script": READS,
        "endpoint_secret": READS,
        "digest_token": READS,
    },
    "gitintegration/operations/fake_hosts.py": {"serving_fake_host": "writes no row"},
    "gitintegration/operations/git_access.py": {"git_auth": READS, "try_git_auth": READS},
    "gitintegration/operations/hooks.py": {
        **dict.fromkeys(
            ("configure_host_webhook", "remove_host_webhook", "rotate_hook_secret", "check_hook"),
            ASKS,
        ),
        "check_hooks": SEVERAL,
    },
    "gitintegration/operations/host_writes.py": {
        **dict.fromkeys(("want_status", "want_comment", "want_approval"), PART),
        **dict.fromkeys(("send_host_writes", "sweep_writes"), SEVERAL),
        "credentials_due": READS,
        **dict.fromkeys(("stands", "find_marked", "upsert_comment"), "talks to the git host only"),
        "mark": READS,
    },
    "gitintegration/operations/imports.py": {
        "usage": READS,
        "run_sync": "commits batch by batch, so that a death loses little",
        "sweep_syncs": READS,
        "sync_mirror": ASKS,
    },
    "gitintegration/operations/job_logs.py": {"sweep_logs": READS, "fetch_log": ASKS},
    "gitintegration/operations/links.py": {"check_provider": ASKS, "sync_provider": SEVERAL},
    "gitintegration/operations/mirrors.py": {
        **dict.fromkeys(("take_over", "note_gone", "note_names", "link_of"), PART),
        "is_current": READS,
    },
    "gitintegration/operations/oauth.py": {
        **dict.fromkeys(("start_authorization", "finish_authorization"), ASKS),
        "host_of_state": READS,
    },
    "gitintegration/operations/processing.py": {
        "process_delivery": "claims, asks the git host, tells",
        "judge_claimed": ASKS,
        "process_waiting": SEVERAL,
        "read_delivery": READS,
        "tell_at_once": SEVERAL,
        "note_result": ONE,
        "sweep_deliveries": SEVERAL,
    },
    "gitintegration/operations/providers.py": dict.fromkeys(
        ("effective_api_url", "effective_web_url", "is_self_hosted", "oauth_secret"), READS
    ),
    "gitintegration/operations/removal.py": {"stop_tracking": ASKS},
    "gitintegration/operations/repositories.py": {
        "sync_repository": ASKS,
        "find_missed_pushes": ASKS,
        "reconcile": SEVERAL,
    },
    "gitintegration/operations/retention.py": {"remove_old_rows": SEVERAL},
    "gitintegration/operations/runners.py": {
        **dict.fromkeys(
            ("sync_runners", "delete_runner", "set_labels", "registration_token", "removal_token"),
            ASKS,
        ),
        "sync_due_runners": SEVERAL,
        "scopes_of": READS,
        "scope_of": READS,
    },
    "gitintegration/operations/schedules.py": {
        "fire_now": ASKS,
        "fire_due_schedules": SEVERAL,
        **dict.fromkeys(("next_times", "is_overdue"), READS),
    },
    "gitintegration/operations/tending.py": {"tick": SEVERAL, "tend": SEVERAL},
    "gitintegration/operations/trigger_tests.py": {"try_trigger": READS},
    "gitintegration/operations/workflows.py": dict.fromkeys(
        ("start_host_workflow", "find_host_run", "stop_host_run"), ASKS
    ),
    "gitintegration/operations/trust.py": {"needs_host": READS, "judge": READS},
    "gitintegration/operations/workflow_triggers.py": {
        "fire_triggers": PART,
        "decide": READS,
        "lookup": READS,
    },
    "pipelines/operations/approval_mail.py": dict.fromkeys(
        ("links_of", "facts_of", "compose"), READS
    ),
    "pipelines/operations/approvals.py": {
        **dict.fromkeys(("decide", "decide_by_token"), "refuses after its transaction"),
        **dict.fromkeys(("token_of", "check_usable"), READS),
        "expire_gates": SEVERAL,
    },
    "pipelines/operations/approvers.py": dict.fromkeys(
        (
            "members_who_may",
            "resolve_recipients",
            "recipients_of",
            "responder_of",
            "token_for",
            "check_right",
            "own_words",
        ),
        READS,
    ),
    "pipelines/operations/artifacts.py": {
        **dict.fromkeys(("find_artifact", "artifact_names", "check_room", "total_bytes"), READS),
        "store_artifact": "forgets the replaced bytes after its transaction",
        "remove_expired_artifacts": SEVERAL,
    },
    "pipelines/operations/known_tests.py": {
        "count_report": "commits batch by batch; each result counts once",
        **dict.fromkeys(
            ("count_missed_reports", "remove_old_cases", "remove_forgotten_tests"), SEVERAL
        ),
    },
    "pipelines/operations/old_runs.py": dict.fromkeys(
        ("remove_old_runs", "remove_old_checks"), SEVERAL
    ),
    "pipelines/operations/quarantines.py": {
        "quarantined_keys": READS,
        "end_expired_quarantines": SEVERAL,
    },
    "pipelines/operations/approvals_given.py": {"count_approvers": READS},
    "pipelines/operations/attempts.py": {
        "repeat_attempt": PART,
        "ended_as": READS,
        "owner_of": READS,
        "let_go": PART,
    },
    "pipelines/operations/batches.py": {"can_be_together": READS, "create_runs": PART},
    "pipelines/operations/builtin_templates.py": {
        "sync_builtin_templates": "is part of `migrate`",
        "template_of": READS,
    },
    "pipelines/operations/caches.py": {
        **dict.fromkeys(("scope_of", "has_cache"), READS),
        "find_cache": ONE,
        "keep_cache": "forgets its bytes after a lost race",
        "delete_cache": "forgets the bytes after its transaction",
        "remove_old_caches": SEVERAL,
    },
    "pipelines/operations/cancellation.py": {"stop_run": PART, "cancel_words": READS},
    "pipelines/operations/checks.py": {"settle_check": PART, "verdict": READS},
    "pipelines/operations/concurrency.py": {
        "policy_of": READS,
        "rivals": READS,
        "rejection": READS,
        "make_room": PART,
        "gives_up_older": READS,
        "give_up_older": PART,
    },
    "pipelines/operations/creation.py": {
        "create_run": PART,
        **dict.fromkeys(("new_run", "plan_steps", "step_rows"), READS),
        "give_to_worker": "changes a row that is not there yet",
    },
    "pipelines/operations/definitions.py": {
        "check_definition": READS,
        "insert_pipeline": PART,
        "replace_definition": PART,
        "keep_text": PART,
    },
    "pipelines/operations/dispatch.py": {
        "read_fleet": READS,
        "line_up": PART,
        "held_by": READS,
    },
    "pipelines/operations/drift.py": {
        "compare_with_file": READS,
        "take_file": "reads the repository before its one",
    },
    "pipelines/operations/events.py": {"resolve_event": "reads the repository before its one"},
    "pipelines/operations/fire_times.py": dict.fromkeys(("due_at", "upcoming", "reckon"), READS),
    "pipelines/operations/firing.py": {"fire_due_schedules": SEVERAL, "remove_old_fires": ONE},
    "pipelines/operations/gates.py": {
        **dict.fromkeys(
            (
                "open_gate",
                "add_token",
                "close_gate",
                "use_token",
                "cancel_gates",
                "end_step",
                "wake_run",
            ),
            PART,
        ),
        **dict.fromkeys(("canonical_digest", "binding_of", "waiting_words", "latest_gate"), READS),
    },
    "pipelines/operations/pull_request_comments.py": {"want_run_comment": PART},
    "pipelines/operations/reporting.py": {"announce_run": PART, "report_run": "looks first"},
    "pipelines/operations/hints.py": {
        "want_hint": PART,
        "is_asked": READS,
        "wake_hints": READS,
        "answer_hint": "claims, asks the model, and keeps the answer, each apart",
    },
    "pipelines/operations/hooks.py": {"reveal_hook": READS, "receive": "verifies before its one"},
    "pipelines/operations/notifications.py": {
        "addresses_of": READS,
        "deliveries_of": READS,
        "notify_run": PART,
    },
    "pipelines/operations/reports.py": dict.fromkeys(
        ("failed_before", "failed_steps", "state_of", "is_on_default_branch"), READS
    ),
    "pipelines/operations/reruns.py": {"latest_of": READS, "has_failed": READS},
    "pipelines/operations/runs.py": dict.fromkeys(
        ("repository_context", "place_of", "check_written_ref"), READS
    ),
    "pipelines/operations/schedules.py": {
        "toggle_schedule": "is another operation",
        "sync_schedules": PART,
        "source_key": READS,
    },
    "pipelines/operations/snapshots.py": {"remove_old_snapshots": SEVERAL},
    "pipelines/operations/sweeps.py": {
        "call_overdue_runs": ONE,
        "sweep": SEVERAL,
        "wake_overdue_steps": SEVERAL,
        "end_overdue_runs": SEVERAL,
        "remove_old_workspaces": "removes folders, no rows",
    },
    "pipelines/operations/template_updates.py": dict.fromkeys(
        ("compare_with_template", "newer_version"), READS
    ),
    "pipelines/operations/template_versions.py": {
        **dict.fromkeys(
            ("definition_of", "present", "published", "is_same", "next_version", "version_parts"),
            READS,
        ),
        "record_version": PART,
        "remember": PART,
        "approve_versions": ONE,
    },
    "pipelines/operations/trust.py": {"ask_to_trust": PART},
    "pipelines/operations/workers.py": {
        "renew_lease": ONE,
        "retire_silent_workers": SEVERAL,
    },
}

# Beside models, selectors, operations and the engine: who may start from `.objects`, and why.
ROW_READERS = {
    "pipelines/prompt_users.py": "tells the kernel who uses its templates",
    "devops/access.py": "is the door through which selectors go",
    "devops/api/authentication.py": "notes a token's use",
    "devops/audit.py": "writes the trail",
    "devops/audit_chain.py": "chains the trail",
    "devops/ai_spending.py": "is the ledger of money for models",
    "devops/deliveries.py": "is the queue of outgoing deliveries",
    "devops/idempotency.py": "keeps the answers to requests with a key",
    "devops/outbox.py": "writes messages",
    "devops/prompt_catalogue.py": "finds the text that a step names",
    "devops/relay.py": "publishes messages",
    "devops/retention.py": "removes what is old",
    "devops/tokens.py": "finds who a token is",
    "pipelines/feeds.py": "follows rows after a selector let the reader in",
    "pipelines/marketplace_rows.py": "shows templates of other accounts too",
    "pipelines/written.py": "finds the text that a definition was written as",
    "pipelines/states.py": "ends all pending steps in one statement",
    "containers/public.py": "is the door for neighbours",
    "powernode/cli/installation.py": "the operator's command line acts without an account",
    "powernode/cli/people.py": "the operator's command line acts without an account",
    "powernode/cli/tokens.py": "the operator's command line acts without an account",
    "powernode/demonstration/setup.py": "prepares the demonstration",
    "powernode/diagnosis.py": "the doctor counts rows of the installation",
    "powernode/local_run.py": "has a database of its own",
}
ROW_FOLDERS = ("/models/", "/operations/", "pipelines/engine/", "devops/storage/")
SELECTORS = ("selectors.py", "/selectors/")


def _sets_status(node: ast.AST) -> bool:
    if isinstance(node, ast.Assign):
        return any(isinstance(each, ast.Attribute) and each.attr == "status"
                   for each in node.targets)  # fmt: skip
    return (
        isinstance(node, ast.Call)
        and called(node) == "update"
        and any(keyword.arg == "status" for keyword in node.keywords)
    )


def _uses(tree: ast.AST, name: str) -> bool:
    return any(isinstance(node, ast.Attribute) and node.attr == name for node in ast.walk(tree))


def test_a_status_changes_only_by_transition() -> None:
    writers = {
        name
        for name, tree in modules().items()
        # What a fake host knows is no row of ours.
        if "/fake" not in name and any(map(_sets_status, ast.walk(tree)))
    }

    assert writers <= STATUS_WRITERS.keys()


def test_tasks_are_sent_by_reference_only() -> None:
    senders = {
        name
        for name, tree in modules().items()
        if {"delay", "apply_async", "send_task"} & {called(call) for call in calls(tree)}
    }

    assert senders == {"devops/taskref.py"}


def _public_functions() -> list[tuple[str, str, str]]:
    return [
        (name, node.name, " ".join(ast.unparse(each) for each in node.decorator_list))
        for name, tree in modules().items()
        if "/operations/" in name
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    ]


def test_a_public_operation_is_one_durable_transaction_or_says_why_not() -> None:
    others: dict[str, set[str]] = {}
    for module, function, decorators in _public_functions():
        if "transaction.atomic(durable=True)" not in decorators:
            others.setdefault(module, set()).add(function)

    assert others == {module: set(reasons) for module, reasons in NOT_DURABLE.items()}


def test_rows_are_reached_through_the_modules_that_may() -> None:
    users = {name for name, tree in modules().items() if _uses(tree, "objects")}
    others = {
        name for name in users if not any(part in name for part in (*ROW_FOLDERS, *SELECTORS))
    }

    assert others == ROW_READERS.keys()


@pytest.mark.parametrize("edge", ["rest", "pages", "consumers.py", "tasks.py"])
def test_an_edge_opens_no_transaction(edge: str) -> None:
    found = [
        name
        for name, tree in modules().items()
        if edge in name.split("/")[1:2] and _uses(tree, "atomic")
    ]

    assert found == []
