"""Repositories of a host are chosen and imported; the page follows the work."""

import uuid
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from devops.errors import DomainError, Invalid
from devops.pages.base import Page, one_of
from devops.pages.links import safe_link
from gitintegration import selectors
from gitintegration.choices import AuthType, SyncKind, SyncStatus
from gitintegration.models import GitProviderCredential, GitSync
from gitintegration.operations.available import available_repositories
from gitintegration.operations.hooks import MANAGE
from gitintegration.operations.imports import SYNC, request_import, usage
from gitintegration.pages.looks import ICONS, problem_of

_PER_PAGE = 50
_SHOWN = 100
_ERRORS_SHOWN = 50
_CHIPS = {
    SyncStatus.PENDING.value: ("queued", "hourglass", "Waiting for a worker"),
    SyncStatus.RUNNING.value: ("running", "loader-2", "Running"),
    SyncStatus.COMPLETED.value: ("success", "circle-check", "Finished"),
    SyncStatus.FAILED.value: ("failure", "circle-x", "Failed"),
}


class ImportPick(Page):
    """`/git/import`: through which credential; with one there is nothing to choose."""

    nav_area = "git"

    def get(self, _request: HttpRequest) -> HttpResponse:
        self.actor.require(SYNC)
        rows = selectors.syncable_credentials(self.actor).filter(is_active=True)
        found = list(rows.exclude(auth_type=AuthType.SSH_KEY).order_by("provider__name", "name"))
        if len(found) == 1:
            return redirect(_address(found[0]))
        choices = [
            {"url": _address(row), "name": row.name, "user": row.external_username,
             "host": row.provider.name, "icon": ICONS[row.provider.provider_type]}
            for row in found
        ]  # fmt: skip
        return self.render("git/import/pick.html", {"credentials": choices})


class ImportRepositories(Page):
    """`/git/credentials/<id>/import`: what the credential sees at its host, live."""

    nav_area = "git"

    def get(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        self.actor.require(SYNC)
        credential = self._find(pk)
        asked: dict[str, Any] = {
            "search": request.GET.get("search", "")[:200],
            "include_forks": "forks" in request.GET,
            "include_archived": "archived" in request.GET,
        }
        context: dict[str, Any] = {"repositories": [], "problem": None, "more_url": ""}
        try:
            found = available_repositories(
                self.actor, credential, page=request.GET.get("page", "")[:500],
                per_page=_PER_PAGE, **asked,
            )  # fmt: skip
        except DomainError as error:
            credential.provider.refresh_from_db()
            context |= {"problem": problem_of(credential.provider, error)}
            context |= {"usage": usage(self.actor.account_id)}
        else:
            context |= {
                "repositories": [_choice(row) for row in found["repositories"]],
                "more_url": _more(request, found["next_page"]),
                "usage": found["usage"],
            }
        host = credential.provider
        context |= {
            "credential": {"name": credential.name, "user": credential.external_username},
            "host": {"name": host.name, "icon": ICONS[host.provider_type]},
            "address": _address(credential),
            "filters": asked,
            "is_filtered": bool(asked["search"]),
        }
        return self.render("git/import/choose.html", context)

    def post(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        credential = self._find(pk)
        # Boxes one by one from a browser without script, else all in one field.
        wanted = request.POST.getlist("repository") + request.POST.get("chosen", "").split()
        back = _address(credential)
        if not wanted:
            return self.refuse(Invalid("Choose at least one repository."), back)
        try:
            # What was shown was filtered by the switches; what is chosen is meant.
            sync = request_import(
                self.actor, credential, wanted, include_forks=True, include_archived=True
            )
        except DomainError as error:
            return self.refuse(error, back)
        return redirect(f"/git/syncs/{sync.pk}")

    def _find(self, pk: uuid.UUID) -> GitProviderCredential:
        return one_of(selectors.syncable_credentials(self.actor), pk)


class SyncProgress(Page):
    """`/git/syncs/<id>`: how far an import came, what failed, and what to do next."""

    nav_area = "git"

    def get(self, _request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        sync = one_of(selectors.syncs(self.actor).select_related("credential__provider"), pk)
        host = sync.credential.provider
        shown, icon, word = _CHIPS[sync.status]
        context = {
            "sync": sync,
            "is_import": sync.kind == SyncKind.IMPORT,
            "is_live": sync.status in {SyncStatus.PENDING, SyncStatus.RUNNING},
            "status": {"shown": shown, "icon": icon, "word": word},
            "host": {"name": host.name, "icon": ICONS[host.provider_type]},
            "errors": self._errors(sync),
            "errors_hidden": max(0, len(sync.errors) - _ERRORS_SHOWN),
            "repositories": self._repositories(sync),
            "address": _address(sync.credential),
            "may_hook": self.actor.may(MANAGE),
        }
        return self.render("git/import/progress.html", context)

    def _errors(self, sync: GitSync) -> list[dict[str, str]]:
        found = sync.errors[:_ERRORS_SHOWN]
        ids = [row["external_id"] for row in found]
        mirrors = selectors.git_repositories(self.actor).filter(credential_id=sync.credential_id)
        rows = mirrors.filter(external_id__in=ids).values_list("external_id", "full_name")
        names = dict(rows)
        return [
            {
                "id": row["external_id"],
                "name": names.get(row["external_id"], ""),
                "error": row["error"],
            }
            for row in found
        ]

    def _repositories(self, sync: GitSync) -> list[dict[str, Any]]:
        """What the import brought, with the two steps that lead to a first run."""
        if sync.kind != SyncKind.IMPORT:
            return []
        rows = selectors.git_repositories(self.actor).filter(
            credential_id=sync.credential_id, external_id__in=sync.external_ids[:_SHOWN]
        )
        return [
            {
                "id": row.pk,
                "full_name": row.full_name,
                "url": f"/git/repositories/{row.pk}",
                "webhook_configured": row.webhook_configured,
                "webhook_problem": row.webhook_problem,
                "attach_url": f"/repositories/{row.repository_id}" if row.repository_id else "",
            }
            for row in rows.order_by("full_name")
        ]


def _choice(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "web_url": safe_link(row["web_url"])}


def _more(request: HttpRequest, page: str) -> str:
    if not page:
        return ""
    query = request.GET.copy()
    query["page"] = page
    return f"{request.path}?{query.urlencode()}"


def _address(credential: GitProviderCredential) -> str:
    return f"/git/credentials/{credential.pk}/import"
