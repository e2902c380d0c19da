"""Runners of the hosts' own CI: fetched, labelled, registered, taken away."""

import uuid
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from devops.errors import DomainError, Invalid
from devops.pages.base import Page, one_of
from devops.pages.forms import show_errors
from gitintegration import selectors
from gitintegration.clients.shapes import Scope
from gitintegration.models import GitProviderCredential, GitRunner
from gitintegration.operations import runners
from gitintegration.pages.ci_forms import RegistrationForm
from gitintegration.runner_words import how_to_register, runner_row
from gitintegration.statistics import runner_rates


class RunnersSync(Page):
    """`POST /ci/runners/sync`: fetch them from the hosts now."""

    nav_area = "runners"

    def post(self, _request: HttpRequest) -> HttpResponse:
        count, problems = runners.sync_runners(self.actor)
        word = "runner" if count == 1 else "runners"
        self.note(f"The hosts told of {count} {word}.")
        for problem in problems[:5]:
            messages.warning(self.request, problem)
        return redirect("/ci/runners")


class RunnerPage(Page):
    """The base of the pages of one runner."""

    nav_area = "runners"

    def find(self, pk: uuid.UUID) -> GitRunner:
        return one_of(selectors.runners(self.actor), pk)

    def show(self, runner: GitRunner, *, status: int = 200, **more: Any) -> HttpResponse:
        """The runner's page."""
        success, failure = runner_rates(runner)
        return self.render(
            "git/runners/detail.html",
            {
                "runner": runner_row(runner),
                "success_rate": success,
                "failure_rate": failure,
                "labels_text": ", ".join(runner.labels),
                "can_manage": self.actor.may(runners.MANAGE),
                "can_token": self.actor.may(runners.TOKEN),
                **more,
            },
            status=status,
        )


class RunnerDetail(RunnerPage):
    """`/ci/runners/<id>`."""

    def get(self, _request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        return self.show(self.find(pk))


class RunnerLabels(RunnerPage):
    """`POST /ci/runners/<id>/labels`: replaced at the host."""

    def post(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        runner = self.find(pk)
        typed = request.POST.get("labels", "")[:10_000]
        wanted = [part.strip() for part in typed.replace("\n", ",").split(",") if part.strip()]
        try:
            runners.set_labels(self.actor, runner, wanted)
        except DomainError as error:
            return self.show(
                runner, status=error.status, labels_text=typed, labels_error=_words(error)
            )
        self.note("The labels are set at the host.")
        return redirect(f"/ci/runners/{pk}")


class RunnerDelete(RunnerPage):
    """`POST /ci/runners/<id>/delete`: at the host, then here."""

    def post(self, _request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        runner = self.find(pk)
        try:
            runners.delete_runner(self.actor, runner)
        except DomainError as error:
            return self.refuse(error, f"/ci/runners/{pk}")
        self.note(f"{runner.name} is removed at its host.")
        return redirect("/ci/runners")


class RunnerRemovalToken(RunnerPage):
    """`POST /ci/runners/<id>/removal_token`: shown this once."""

    def post(self, _request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        runner = self.find(pk)
        try:
            token = runners.removal_token(self.actor, runner)
        except DomainError as error:
            return self.refuse(error, f"/ci/runners/{pk}")
        return _once(self.show(runner, token=token, token_kind="removal"))  # noqa: S106  (a kind)


class RunnerRegister(Page):
    """`/ci/runners/register`: a token for a new runner, also where there is none yet."""

    nav_area = "runners"

    def get(self, request: HttpRequest) -> HttpResponse:
        self.actor.require(runners.TOKEN)
        start = {name: request.GET.get(name, "")[:255] for name in ("where", "repository")}
        beside = self._beside(request.GET.get("beside", ""))
        return self._show(self._form(None, {**start, **beside}))

    def post(self, request: HttpRequest) -> HttpResponse:
        self.actor.require(runners.TOKEN)
        form = self._form(request.POST, {})
        if not form.is_valid():
            return self._show(form, status=422)
        try:
            credential, scope = self._where(form.cleaned_data)
            token = runners.registration_token(self.actor, credential, scope)
        except DomainError as error:
            show_errors(form, error)
            return self._show(form, status=error.status)
        kind = credential.provider.provider_type
        command = token.command or how_to_register(credential.provider, scope, token)
        return _once(
            self._show(
                self._form(None, {}),
                token=token,
                command=command,
                kind=kind,
                scope=scope.name or credential.provider.name,
            )
        )

    def _beside(self, key: str) -> dict[str, Any]:
        """The fields that say: where this runner is."""
        try:
            runner = selectors.runners(self.actor).filter(pk=uuid.UUID(key)).first()
        except ValueError:
            return {}
        if runner is None:
            return {}
        return {
            "where": runner.runner_scope,
            "repository": runner.repository_id or "",
            "credential": runner.credential_id,
            "organization": runner.scope_name if runner.runner_scope == "organization" else "",
        }

    def _where(self, values: dict[str, Any]) -> tuple[GitProviderCredential, Scope]:
        if values["where"] == "repository":
            mirror = selectors.git_repository(self.actor, values["repository"])
            if mirror.credential is None:
                raise Invalid.field("/repository", "The repository has no credential.")
            return mirror.credential, Scope("repository", mirror.full_name)
        found = one_of(selectors.runner_credentials(self.actor), values["credential"])
        if values["where"] == "organization":
            return found, Scope("organization", values["organization"].strip())
        return found, Scope("enterprise")

    def _form(self, data: Any, initial: dict[str, Any]) -> RegistrationForm:
        mirrors = selectors.triggerable_repositories(self.actor)
        rows = selectors.runner_credentials(self.actor).filter(is_active=True)
        return RegistrationForm(
            data,
            initial={key: value for key, value in initial.items() if value},
            repositories=[(str(row.pk), row.full_name) for row in mirrors],
            credentials=[(str(row.pk), f"{row.name} ({row.provider.name})") for row in rows[:200]],
        )

    def _show(self, form: forms.Form, *, status: int = 200, **more: Any) -> HttpResponse:
        where = form["where"].value() or "repository"
        has_hosts = selectors.runner_credentials(self.actor).exists()
        context = {"form": form, "where": where, "has_hosts": has_hosts, **more}
        return self.render("git/runners/register.html", context, status=status)


def _once(response: HttpResponse) -> HttpResponse:
    """A page with a secret is kept by nobody."""
    response["Cache-Control"] = "no-store"
    return response


def _words(error: DomainError) -> str:
    return f"{error.detail} {error.remedy}".strip()
