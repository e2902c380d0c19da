"""The repositories of the hosts: what is known of them, their hook, their branch filter."""

import uuid
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from devops.access import Actor
from devops.errors import DomainError
from devops.pages.base import Page, cursor_page
from devops.pages.links import safe_link
from gitintegration import selectors
from gitintegration.filters import RepositoryFilter
from gitintegration.models import GitRepository
from gitintegration.operations import hooks
from gitintegration.operations.branch_filters import passes
from gitintegration.operations.imports import SYNC, sync_mirror
from gitintegration.operations.removal import DELETE, stop_tracking
from gitintegration.pages.host_forms import BranchFilterForm, place_errors
from gitintegration.pages.looks import ICONS, problem_of
from gitintegration.statistics import repository_stats

FILTERS = ("search", "provider_id", "is_private", "webhook_configured", "is_archived")
EXAMPLES = (
    "main", "develop", "feature/login", "feature/ui/menu", "release/1.2", "release/2.0/rc1",
    "hotfix-7", "dependabot/pip/django-5.2",
)  # fmt: skip
_LANGUAGES_SHOWN = 6


class MirrorPage(Page):
    """The base of the pages of one host repository; its account is the one to act in."""

    nav_area = "git_repositories"
    tab = "overview"

    def resolve_actor(self, request: HttpRequest, **path: Any) -> Actor:
        return self.act_in(request, selectors.account_of_mirror(path["pk"]))

    def find(self, pk: uuid.UUID) -> GitRepository:
        return selectors.git_repository(self.actor, pk)

    def show(
        self, mirror: GitRepository, template: str, context: dict[str, Any], status: int = 200
    ) -> HttpResponse:
        """A tab of the repository's page."""
        common = {"repository": mirror_facts(mirror), "tab": self.tab}
        return self.render(template, {**common, **context}, status=status)


class MirrorList(Page):
    """`/git/repositories`."""

    nav_area = "git_repositories"

    def get(self, request: HttpRequest) -> HttpResponse:
        filters = {name: request.GET.get(name, "") for name in FILTERS}
        rows = selectors.git_repositories(self.actor)
        wanted = RepositoryFilter({name: text for name, text in filters.items() if text}, rows)
        if wanted.is_valid():
            rows = wanted.qs
        found, page = cursor_page(request, rows)
        hosts = selectors.git_providers(self.actor).values_list("pk", "name")
        context = {
            "repositories": [mirror_facts(row) for row in found],
            "filters": filters,
            "is_filtered": any(filters.values()),
            "hosts": [{"id": str(key), "name": name} for key, name in hosts],
            "page": page,
            "may_import": self.actor.may(SYNC),
        }
        return self.render("git/repositories/list.html", context)


class MirrorDetail(MirrorPage):
    """`/git/repositories/<id>`: facts, hook, branch filter."""

    def get(self, _request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        mirror = self.find(pk)
        names = ("branch_filter_type", "branch_filter")
        form = BranchFilterForm(initial={name: getattr(mirror, name) for name in names})
        return self.overview(mirror, form)

    def overview(
        self, mirror: GitRepository, form: BranchFilterForm, status: int = HTTPStatus.OK
    ) -> HttpResponse:
        """The first tab, with the filter's form as it was typed."""
        kind, pattern = form["branch_filter_type"].value(), form["branch_filter"].value() or ""
        context = {
            "form": form,
            "examples": [
                {"name": name, "passes": passes(kind or "none", pattern, name)}
                for name in dict.fromkeys((mirror.default_branch, *EXAMPLES))
            ],
            "languages": _languages(mirror),
            "activity": _activity(mirror),
            "topics": mirror.topics[:30],
            "stats": repository_stats(mirror),
            "may_hook": self.actor.may(hooks.MANAGE),
            "may_sync": self.actor.may(SYNC),
            "may_delete": self.actor.may(DELETE),
        }
        return self.show(mirror, "git/repositories/overview.html", context, status)


class MirrorFilter(MirrorDetail):
    """`POST /git/repositories/<id>/filter`."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        mirror = self.find(pk)
        self.actor.require(hooks.MANAGE)
        form = BranchFilterForm(request.POST)
        if not form.is_valid():
            return self.overview(mirror, form, HTTPStatus.UNPROCESSABLE_ENTITY)
        given = form.cleaned_data
        try:
            hooks.set_branch_filter(
                self.actor, mirror, given["branch_filter_type"], given["branch_filter"]
            )
        except DomainError as error:
            place_errors(form, error)
            return self.overview(mirror, form, error.status)
        self.note("The branch filter is saved.")
        return redirect(_address(mirror))


class MirrorHook(MirrorPage):
    """`POST /git/repositories/<id>/webhook`: set up, or bring back what drifted."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        mirror = self.find(pk)
        self.actor.require(hooks.MANAGE)
        if mirror.webhook_configured:
            return self._repaired(mirror)
        outcome = hooks.configure_host_webhook(self.actor, mirror)
        back = _back(request, mirror)
        if not outcome.success:
            return self.refuse(DomainError(f"The webhook is not set up. {outcome.error}"), back)
        self.note(f"{mirror.full_name} now tells us of pushes and pull requests. "
                  "Next: attach a pipeline.")  # fmt: skip
        return redirect(back)

    def _repaired(self, mirror: GitRepository) -> HttpResponse:
        try:
            drift = hooks.check_hook(mirror)
        except DomainError as error:
            return self.refuse(error, _address(mirror))
        self.note(f"Repaired: {drift}" if drift else "The webhook is as it should be.")
        return redirect(_address(mirror))


class MirrorHookRemove(MirrorPage):
    """`POST /git/repositories/<id>/webhook/remove`."""

    http_method_names = ["post"]

    def post(self, _request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        mirror = self.find(pk)
        outcome = hooks.remove_host_webhook(self.actor, mirror)
        if not outcome.success:
            failure = DomainError(f"The webhook is not removed. {outcome.error}")
            return self.refuse(failure, _address(mirror))
        self.note(f"{mirror.full_name} tells us nothing any more.")
        return redirect(_address(mirror))


class MirrorHookRotate(MirrorPage):
    """`POST /git/repositories/<id>/webhook/rotate`: a new address and secret, here and there."""

    http_method_names = ["post"]

    def post(self, _request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        mirror = self.find(pk)
        outcome = hooks.rotate_hook_secret(self.actor, mirror)
        if not outcome.success:
            failure = DomainError(f"The secret is not changed. {outcome.error}")
            return self.refuse(failure, _address(mirror))
        self.note("The webhook has a new address and secret, at the host and here.")
        return redirect(_address(mirror))


class MirrorSync(MirrorPage):
    """`POST /git/repositories/<id>/sync`: ask the host for its facts now."""

    http_method_names = ["post"]

    def post(self, _request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        mirror = self.find(pk)
        self.actor.require(SYNC)
        try:
            fresh = sync_mirror(mirror)
        except DomainError as error:
            return self.refuse(error, _address(mirror))
        self.note(f"{fresh.full_name} is up to date.")
        return redirect(_address(mirror))


class MirrorDelete(MirrorPage):
    """`POST /git/repositories/<id>/delete`: stop tracking; pipelines keep their repository."""

    http_method_names = ["post"]

    def post(self, _request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        mirror = self.find(pk)
        name = mirror.full_name
        problem = stop_tracking(self.actor, mirror)
        if problem:
            left = DomainError(f"{name} is no longer tracked, but its webhook stays at the host: "
                               f"{problem}", remedy="Remove it there.")  # fmt: skip
            return self.refuse(left, "/git/repositories")
        self.note(f"{name} is no longer tracked.")
        return redirect("/git/repositories")


def mirror_facts(mirror: GitRepository) -> dict[str, Any]:
    """A host repository as the list and the head of its page show it."""
    names = (
        "id", "full_name", "name", "owner", "description", "default_branch", "clone_url",
        "is_private", "is_fork", "is_archived", "gone_at", "stars_count", "forks_count",
        "open_issues_count", "open_prs_count", "webhook_configured", "webhook_problem",
        "webhook_checked_at", "sync_error", "last_synced_at", "last_commit_at",
        "provider_created_at",
    )  # fmt: skip
    host = mirror.credential.provider if mirror.credential is not None else None
    main = max(mirror.languages, key=lambda name: _weight(mirror.languages[name]), default="")
    attach = f"/repositories/{mirror.repository_id}" if mirror.repository_id else ""
    return {
        **{name: getattr(mirror, name) for name in names},
        "url": _address(mirror),
        "web_url": safe_link(mirror.web_url),
        "host": host.name if host else "No host",
        "icon": ICONS[host.provider_type] if host else "unlink",
        "language": main,
        "attach_url": attach,
        "repository_id": mirror.repository_id,
    }


def problem_at(mirror: GitRepository, error: DomainError) -> Any:
    """What a tab says when the host gave nothing."""
    host = mirror.credential.provider if mirror.credential is not None else None
    if host is not None:
        host.refresh_from_db(fields=["retry_at", "last_error"])
    return problem_of(host, error)


def _languages(mirror: GitRepository) -> list[dict[str, Any]]:
    weights = {name: _weight(value) for name, value in mirror.languages.items()}
    total = sum(weights.values()) or 1
    ordered = sorted(weights, key=lambda name: -weights[name])[:_LANGUAGES_SHOWN]
    return [{"name": name, "percent": round(100 * weights[name] / total, 1)} for name in ordered]


def _activity(mirror: GitRepository) -> dict[str, Any] | None:
    """The commits of the last weeks as bars of a drawing 160 wide and 40 high; None if unknown."""
    weeks = (mirror.metadata.get("activity") or {}).get("weeks") or []
    if not weeks:
        return None
    most = max(*weeks, 1)
    bars = [
        {
            "x": number * 10,
            "y": 40 - max(2, round(38 * count / most)),
            "height": max(2, round(38 * count / most)),
            "count": count,
            "weeks_ago": len(weeks) - 1 - number,
        }
        for number, count in enumerate(weeks)
    ]
    return {"bars": bars, "total": sum(weeks), "weeks": len(weeks)}


def _weight(value: object) -> float:
    """Hosts give numbers; anything else weighs nothing."""
    return max(0.0, float(value)) if isinstance(value, int | float) else 0.0


def _address(mirror: GitRepository) -> str:
    return f"/git/repositories/{mirror.pk}"


def _back(request: HttpRequest, mirror: GitRepository) -> str:
    """The import's page when the form stood there, else the repository's own."""
    try:
        sync = uuid.UUID(request.POST.get("sync", ""))
    except ValueError:
        return _address(mirror)
    return f"/git/syncs/{sync}"
