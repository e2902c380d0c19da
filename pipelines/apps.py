"""Registers the app: its step types, and what it wants to hear."""

from typing import Any

from django.apps import AppConfig


class PipelinesConfig(AppConfig):
    """Pipelines."""

    name = "pipelines"
    verbose_name = "Pipelines"

    def ready(self) -> None:
        from django.db.models.signals import post_migrate  # noqa: PLC0415

        from devops import outbox, prompt_usage, rotation  # noqa: PLC0415
        from pipelines.jobs import NOTE_MAIL, REPORT_RUN, RESOLVE_EVENT  # noqa: PLC0415
        from pipelines.prompt_users import prompt_users  # noqa: PLC0415
        from pipelines.steps.builtin import register_builtin  # noqa: PLC0415
        from pipelines.steps.registry import load_entry_points  # noqa: PLC0415

        post_migrate.connect(_bring_templates, sender=self)
        register_builtin()
        load_entry_points()
        for name in ("token", "secret"):
            rotation.register("pipelines.PipelineHook", f"encrypted_{name}", name)
        prompt_usage.register(prompt_users)
        for event in ("push", "pull_request", "issue", "issue_comment", "release"):
            outbox.subscribe(f"git.{event}", RESOLVE_EVENT)
        outbox.subscribe("run_completed", REPORT_RUN)
        outbox.subscribe("mail_ended", NOTE_MAIL)


def _bring_templates(*, using: str, apps: Any = None, **more: Any) -> None:
    """After `migrate`, not after a `flush`; and not when it stopped before the templates' table."""
    if "plan" not in more or using != "default":
        return
    try:
        apps.get_model("pipelines", "PipelineTemplate")
    except LookupError:
        return
    from pipelines.operations.builtin_templates import sync_builtin_templates  # noqa: PLC0415

    sync_builtin_templates()
