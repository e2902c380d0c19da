"""Repositories: what pipelines attach to, and the webhook that tells us of pushes."""

import uuid
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from devops.errors import Conflict, DomainError, NotFound
from devops.ids import parse_uuid
from devops.models import Repository
from devops.pages.base import Page, cursor_page
from devops.pages.links import safe_link
from gitintegration import public as git
from pipelines import selectors
from pipelines.operations.definitions import attach_repository, detach_repository

WRITE = "devops.repositories.write"


class RepositoryForm(forms.Form):
    """What is needed to connect any git repository."""

    full_name = forms.CharField(
        max_length=500, label="Name", help_text="As you call it, for example shop/web."
    )
    clone_url = forms.CharField(
        max_length=500,
        label="Clone URL",
        help_text="https://, ssh://, or a path below the server's local roots.",
    )
    default_branch = forms.CharField(max_length=255, initial="main", label="Default branch")


class RepositoryList(Page):
    """`/repositories`."""

    nav_area = "repositories"

    def get(self, request: HttpRequest) -> HttpResponse:
        rows, page = cursor_page(request, selectors.repositories(self.actor))
        seen = {
            endpoint.repository_id: endpoint.last_delivery_at
            for endpoint in git.endpoints(self.actor).filter(repository__in=rows)
        }
        for row in rows:
            row.url = _url(row)
            row.last_delivery_at = seen.get(row.pk)
        context = {"repositories": rows, "page": page, "can_write": self.actor.may(WRITE)}
        return self.render("repositories/list.html", context)


class RepositoryNew(Page):
    """`/repositories/new`: connect a repository and give it a webhook address."""

    nav_area = "repositories"

    def get(self, _request: HttpRequest) -> HttpResponse:
        self.actor.require(WRITE)
        return self.render("repositories/new.html", {"form": RepositoryForm()})

    def post(self, request: HttpRequest) -> HttpResponse:
        form = RepositoryForm(request.POST)
        if not form.is_valid():
            return self.render("repositories/new.html", {"form": form}, status=422)
        try:
            repository = git.create_repository(self.actor, **form.cleaned_data)
        except DomainError as error:
            _show_errors(form, error)
            return self.render("repositories/new.html", {"form": form}, status=error.status)
        if self.actor.may("git.webhooks.manage"):
            git.configure_webhook(self.actor, repository)
            request.session["shown_secret"] = str(repository.pk)
        self.note(f"{repository} is connected.")
        return redirect(_url(repository))


class RepositoryPage(Page):
    """The base of the pages of one repository."""

    nav_area = "repositories"

    def find(self, pk: uuid.UUID) -> Repository:
        repository = selectors.repositories(self.actor).filter(pk=pk).first()
        if repository is None:
            raise NotFound("No repository with that identifier.")
        return repository


class RepositoryDetail(RepositoryPage):
    """`/repositories/<id>`."""

    def get(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        repository = self.find(pk)
        repository.url = _url(repository)  # type: ignore[attr-defined]
        repository.web_url = safe_link(repository.web_url)
        attached = selectors.pipelines_of_repository(self.actor, pk)
        latest = selectors.recent_runs_of(self.actor, [row.pk for row in attached], 1)
        for row in attached:
            row.last_run = next(iter(latest.get(row.pk, [])), None)  # type: ignore[attr-defined]
        events = list(git.webhook_events(self.actor).filter(repository=repository)[:8])
        for event in events:
            event.url = f"/webhooks/{event.pk}"  # type: ignore[attr-defined]
        return self.render(
            "repositories/detail.html",
            {
                "repository": repository,
                "endpoint": self._endpoint(request, repository),
                "pipelines": attached,
                "events": events,
                "can_write": self.actor.may(WRITE),
                "linked_objects": [f"the pipeline {row.name}" for row in attached],
                "attachable": self._attachable(attached),
                "mirror_url": _mirror_url(repository),
                "new_url": f"/pipelines/new?repository={repository.pk}",
            },
        )

    def _attachable(self, attached: list[Any]) -> list[dict[str, str]]:
        """The account's other pipelines, by name."""
        rows = selectors.pipelines(self.actor).exclude(pk__in=[row.pk for row in attached])
        return [{"id": str(row.pk), "name": row.name} for row in rows.order_by("name")[:500]]

    def _endpoint(self, request: HttpRequest, repository: Repository) -> dict[str, Any] | None:
        """The webhook's facts; the secret only right after it was made."""
        endpoint = git.endpoints(self.actor).filter(repository=repository).first()
        if endpoint is None:
            return None
        facts: dict[str, Any] = {
            name: getattr(endpoint, name)
            for name in (
                "is_active", "delivery_count", "rejected_count", "last_delivery_at", "dialect",
            )
        }  # fmt: skip
        facts |= {"url": "", "secret": None}
        if self.actor.may("git.webhooks.manage"):
            revealed = git.reveal_endpoint(self.actor, endpoint)
            is_fresh = request.session.pop("shown_secret", None) == str(repository.pk)
            facts |= {"url": revealed.url, "secret": revealed.secret if is_fresh else None}
        return facts


class RepositorySecret(RepositoryPage):
    """`POST /repositories/<id>/secret`: a new address and secret; the old ones stop working."""

    def post(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        repository = self.find(pk)
        if url := _mirror_url(repository):
            # The host knows the secret too: both change there, or its deliveries are refused.
            error = Conflict(f"The webhook of {repository} is kept in step with its host.",
                             remedy="Make the new secret on the page that now opens.")  # fmt: skip
            return self.refuse(error, url)
        git.remove_webhook(self.actor, repository)
        git.configure_webhook(self.actor, repository)
        request.session["shown_secret"] = str(repository.pk)
        self.note("The webhook has a new address and secret; the old ones no longer work.")
        return redirect(_url(repository))


class RepositorySync(RepositoryPage):
    """`POST /repositories/<id>/sync`: look for pushes that nobody told us of."""

    def post(self, _request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        repository = self.find(pk)
        try:
            found = git.sync_repository(self.actor, repository)
        except DomainError as error:
            return self.refuse(error, _url(repository))
        self.note(f"{found} missed push(es) found." if found else "Nothing was missed.")
        return redirect(_url(repository))


class RepositoryAttach(RepositoryPage):
    """`POST /repositories/<id>/attach`: events of the repository start the pipeline."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        repository = self.find(pk)
        pipeline = selectors.pipeline(self.actor, parse_uuid(request.POST.get("pipeline", "")))
        try:
            attach_repository(self.actor, repository, pipeline, {})
        except DomainError as error:
            return self.refuse(error, _url(repository))
        self.note(f"What happens in {repository} now starts {pipeline}, as its triggers say.")
        return redirect(_url(repository))


class RepositoryDetach(RepositoryPage):
    """`POST /repositories/<id>/detach`: pushes no longer start the pipeline."""

    def post(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        repository = self.find(pk)
        pipeline = selectors.pipeline(self.actor, parse_uuid(request.POST.get("pipeline", "")))
        detach_repository(self.actor, repository, pipeline)
        self.note(f"Pushes to {repository} no longer start {pipeline}.")
        return redirect(_url(repository))


class RepositoryDelete(RepositoryPage):
    """`POST /repositories/<id>/delete`."""

    def post(self, _request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        repository = self.find(pk)
        try:
            git.delete_repository(self.actor, repository)
        except DomainError as error:
            return self.refuse(error, _url(repository))
        self.note(f"{repository} is disconnected.")
        return redirect("/repositories")


def _url(repository: Repository) -> str:
    return f"/repositories/{repository.pk}"


def _mirror_url(repository: Repository) -> str:
    """The page of what its host says of it; nothing for a plain git repository."""
    mirror = getattr(repository, "mirror", None)
    return f"/git/repositories/{mirror.pk}" if mirror is not None else ""


def _show_errors(form: forms.Form, error: DomainError) -> None:
    """Put each problem beside its field, the rest on top."""
    for problem in error.errors:
        name = problem.pointer.strip("/")
        form.add_error(name if name in form.fields else None, problem.detail)
    if not error.errors:
        form.add_error(None, f"{error.detail} {error.remedy}".strip())
