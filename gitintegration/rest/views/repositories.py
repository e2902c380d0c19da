"""Mirrored repositories, and what their hosts say of them live."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils.dateparse import parse_datetime
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from devops.api.views import ActorViewSet
from devops.errors import Invalid
from devops.paging import read_limit
from gitintegration import selectors
from gitintegration.clients import shapes
from gitintegration.clients.host import HostClient
from gitintegration.filters import CiFilter, RepositoryFilter
from gitintegration.models import GitPipeline, GitRepository
from gitintegration.operations import ci, hooks
from gitintegration.operations.connections import connected_to
from gitintegration.operations.removal import stop_tracking
from gitintegration.rest.serializers import ci as ci_bodies
from gitintegration.rest.serializers import repositories as s
from gitintegration.rest.serializers.shapes import page_of, serializer_of
from gitintegration.statistics import repository_stats

_READ = selectors.REPOSITORIES
_PAGE = OpenApiParameter("page", str, description="The `next_page` of the page before.")
_PER_PAGE = OpenApiParameter("per_page", int, description="1 to 100.")
_STATE = OpenApiParameter("state", str, description="open, closed or all.")
_REF = OpenApiParameter("ref", str, description="A branch, tag or SHA.")
_PAGING = frozenset({"page", "per_page"})


class GitRepositoryViewSet(mixins.ListModelMixin, ActorViewSet[GitRepository]):
    """The mirrors of the hosts' repositories."""

    model = GitRepository
    serializer_class = s.GitRepositorySerializer
    filterset_class = RepositoryFilter
    permissions = {
        "list": _READ,
        "retrieve": _READ,
        "destroy": "git.repositories.delete",
        "configure_webhook": hooks.MANAGE,
        "update_webhook_config": hooks.MANAGE,
        "remove_webhook": hooks.MANAGE,
        **dict.fromkeys(
            ("branches", "tags", "pull_requests", "issues", "commits", "commit", "diff",
             "compare", "contents", "tree", "tree_of"), _READ,
        ),
        "pipelines": selectors.PIPELINES,
        "trigger": ci.TRIGGER,
    }  # fmt: skip
    query_parameters = {
        "branches": _PAGING,
        "tags": _PAGING,
        "pull_requests": _PAGING | {"state"},
        "issues": _PAGING | {"state"},
        "commits": _PAGING | {"branch", "sha", "since", "until"},
        "contents": frozenset({"ref"}),
        "tree": frozenset({"ref", "recursive"}),
        "tree_of": frozenset({"recursive"}),
    }
    paged = frozenset({"list"})

    def rows(self) -> QuerySet[GitRepository]:
        return selectors.git_repositories(self.actor)

    @extend_schema(responses=s.GitRepositoryDetailSerializer)
    def retrieve(self, _request: Request, **_path: object) -> Response:
        """One mirror with everything that is known of it."""
        return self._shown(self.get_object())

    @extend_schema(responses={204: None})
    def destroy(self, _request: Request, **_path: object) -> Response:
        """Stop tracking: the mirror and its hook go, what pipelines attach to stays."""
        stop_tracking(self.actor, self.get_object())
        return Response(status=204)

    @extend_schema(request=s.BranchFilterBody, responses=s.HookOutcomeSerializer)
    @action(detail=True, methods=["post"])
    def configure_webhook(self, _request: Request, **_path: object) -> Response:
        """Have the host deliver its events here; a refusal of the host is part of the answer."""
        values = self.parse(s.BranchFilterBody)
        outcome = hooks.configure_host_webhook(
            self.actor, self.get_object(), filter_type=values.get("branch_filter_type"),
            pattern=values.get("branch_filter", ""),
        )  # fmt: skip
        return self._outcome(outcome)

    @extend_schema(request=s.BranchFilterBody, responses=s.GitRepositoryDetailSerializer)
    @action(detail=True, methods=["patch"])
    def update_webhook_config(self, _request: Request, **_path: object) -> Response:
        """Change which branches' events start anything."""
        row = self.get_object()
        values = self.parse(s.BranchFilterBody)
        hooks.set_branch_filter(
            self.actor, row, values.get("branch_filter_type", row.branch_filter_type),
            values.get("branch_filter", row.branch_filter),
        )  # fmt: skip
        return self._shown(row)

    @extend_schema(request=None, responses=s.HookOutcomeSerializer)
    @action(detail=True, methods=["delete"])
    def remove_webhook(self, _request: Request, **_path: object) -> Response:
        """Have the host deliver no more."""
        return self._outcome(hooks.remove_host_webhook(self.actor, self.get_object()))

    @extend_schema(parameters=[_PAGE, _PER_PAGE], responses=page_of(shapes.Branch), filters=False)
    @action(detail=True, methods=["get"])
    def branches(self, _request: Request, **_path: object) -> Response:
        """Branches, live from the host."""
        return self._page(shapes.Branch, lambda c, n, p, k: c.list_branches(n, p, k))

    @extend_schema(parameters=[_PAGE, _PER_PAGE], responses=page_of(shapes.Tag), filters=False)
    @action(detail=True, methods=["get"])
    def tags(self, _request: Request, **_path: object) -> Response:
        """Tags, live from the host."""
        return self._page(shapes.Tag, lambda c, n, p, k: c.list_tags(n, p, k))

    @extend_schema(
        parameters=[_PAGE, _PER_PAGE, _STATE], responses=page_of(shapes.PullRequest), filters=False
    )
    @action(detail=True, methods=["get"])
    def pull_requests(self, request: Request, **_path: object) -> Response:
        """Pull or merge requests, live from the host."""
        state = _state(request)
        return self._page(
            shapes.PullRequest,
            lambda c, n, p, k: c.list_pull_requests(n, state=state, page=p, per_page=k),
        )

    @extend_schema(
        parameters=[_PAGE, _PER_PAGE, _STATE], responses=page_of(shapes.Issue), filters=False
    )
    @action(detail=True, methods=["get"])
    def issues(self, request: Request, **_path: object) -> Response:
        """Issues, live from the host; pull requests are none."""
        state = _state(request)
        return self._page(
            shapes.Issue, lambda c, n, p, k: c.list_issues(n, state=state, page=p, per_page=k)
        )

    @extend_schema(
        parameters=[
            _PAGE, _PER_PAGE, OpenApiParameter("branch", str), OpenApiParameter("sha", str),
            OpenApiParameter("since", datetime), OpenApiParameter("until", datetime),
        ],
        responses=page_of(shapes.HostCommit), filters=False,
    )  # fmt: skip
    @action(detail=True, methods=["get"])
    def commits(self, request: Request, **_path: object) -> Response:
        """Commits of a branch, newest first, live from the host."""
        query = request.query_params
        ref = query.get("sha") or query.get("branch") or ""
        since, until = _moment(request, "since"), _moment(request, "until")
        return self._page(
            shapes.HostCommit,
            lambda c, n, p, k: c.list_commits(
                n, ref=ref[:255], since=since, until=until, page=p, per_page=k
            ),
        )

    @extend_schema(
        operation_id="git_repositories_commit", responses=serializer_of(shapes.HostCommit)
    )
    @action(detail=True, methods=["get"])
    def commit(self, _request: Request, **path: str) -> Response:
        """One commit with its files, live from the host."""
        return self._live(shapes.HostCommit, lambda c, n: c.get_commit(n, path["sha"]))

    @extend_schema(responses=serializer_of(shapes.Diff))
    @action(detail=True, methods=["get"])
    def diff(self, _request: Request, **path: str) -> Response:
        """What a commit changed, live from the host."""
        return self._live(shapes.Diff, lambda c, n: c.get_commit_diff(n, path["sha"]))

    @extend_schema(responses=serializer_of(shapes.Comparison))
    @action(detail=True, methods=["get"])
    def compare(self, _request: Request, **path: str) -> Response:
        """`base...head`, live from the host."""
        base, dots, head = path["range"].partition("...")
        if not (base and dots and head):
            raise Invalid("Give two commits or branches as `base...head`.")
        return self._live(shapes.Comparison, lambda c, n: c.compare(n, base, head))

    @extend_schema(parameters=[_REF], responses=serializer_of(shapes.FileContent))
    @action(detail=True, methods=["get"])
    def contents(self, request: Request, **path: str) -> Response:
        """A file or folder, live from the host; a folder has `entries`."""
        ref = request.query_params.get("ref", "")[:255]
        row = self.get_object()
        with connected_to(row) as client:
            found = client.get_contents(row.full_name, path.get("path", ""), ref)
        if isinstance(found, shapes.FolderContent):
            return Response(serializer_of(shapes.FolderContent)(found).data)
        return Response(serializer_of(shapes.FileContent)(found).data)

    @extend_schema(
        parameters=[_REF, OpenApiParameter("recursive", bool)],
        responses=serializer_of(shapes.Tree),
    )
    @action(detail=True, methods=["get"])
    def tree(self, request: Request, **_path: object) -> Response:
        """The files of a branch, live from the host; the default branch without `ref`."""
        row = self.get_object()
        return self._tree(request.query_params.get("ref") or row.default_branch)

    @extend_schema(
        operation_id="git_repositories_tree_of",
        parameters=[OpenApiParameter("recursive", bool)],
        responses=serializer_of(shapes.Tree),
    )
    @action(detail=True, methods=["get"])
    def tree_of(self, _request: Request, **path: str) -> Response:
        """The files of a commit, live from the host."""
        return self._tree(path["sha"])

    @extend_schema(request=s.WorkflowDispatchBody, responses={202: s.TriggeredSerializer})
    @action(detail=True, methods=["post"])
    def trigger(self, _request: Request, **_path: object) -> Response:
        """Have the host's own CI start a workflow."""
        row = self.get_object()
        values = self.parse(s.WorkflowDispatchBody)
        names = (values.get(key) for key in ("workflow", "workflow_id", "workflow_file"))
        external_id = ci.trigger_run(
            self.actor, row, workflow=next((name for name in names if name), ""),
            ref=values.get("ref", ""), inputs=values.get("inputs", {}),
        )  # fmt: skip
        run = row.pipelines.filter(external_id=external_id or "-").first()
        facts = {"external_id": external_id or None, "pipeline_id": run.pk if run else None}
        return Response(s.TriggeredSerializer(facts).data, status=202)

    def _shown(self, row: GitRepository) -> Response:
        fresh = selectors.git_repository(self.actor, row.pk)
        fresh.pipeline_stats = repository_stats(fresh)  # type: ignore[attr-defined]  # for the body
        return self.render(s.GitRepositoryDetailSerializer, fresh)

    def _outcome(self, outcome: hooks.HookOutcome) -> Response:
        return Response(s.HookOutcomeSerializer(outcome).data, 200 if outcome.success else 422)

    def _page(
        self, shape: type, fetch: Callable[[HostClient, str, str, int], shapes.Page[Any]]
    ) -> Response:
        row = self.get_object()
        query = self.request.query_params
        page = query.get("page", "")[:500]
        per_page = read_limit(query.get("per_page", ""), default=30, most=100)
        with connected_to(row) as client:
            found = fetch(client, row.full_name, page, per_page)
        body = {"results": found.items, "next_page": found.next_page}
        return Response(page_of(shape)(body).data)

    def _tree(self, ref: str) -> Response:
        is_recursive = self.request.query_params.get("recursive") == "true"
        return self._live(
            shapes.Tree, lambda c, n: c.get_tree(n, ref[:255], recursive=is_recursive)
        )

    def _live(self, shape: type, fetch: Callable[[HostClient, str], Any]) -> Response:
        row = self.get_object()
        with connected_to(row) as client:
            found = fetch(client, row.full_name)
        return Response(serializer_of(shape)(found).data)


class RepositoryRunsViewSet(mixins.ListModelMixin, ActorViewSet[GitPipeline]):
    """The runs of the host's own CI in one repository."""

    model = GitPipeline
    serializer_class = ci_bodies.GitPipelineSerializer
    filterset_class = CiFilter
    permissions = {"list": selectors.PIPELINES}

    def rows(self) -> QuerySet[GitPipeline]:
        mirror = selectors.git_repository(self.actor, self.kwargs["repository_id"])
        return selectors.git_pipelines(self.actor).filter(repository=mirror)


def _state(request: Request) -> str:
    state = request.query_params.get("state", "open")
    if state not in {"open", "closed", "all"}:
        raise Invalid.field("?state", "Choose open, closed or all.")
    return state


def _moment(request: Request, name: str) -> datetime | None:
    text = request.query_params.get(name, "")
    if not text:
        return None
    found = parse_datetime(text)
    if found is None or found.tzinfo is None:
        raise Invalid.field(f"?{name}", "Give a time with its zone, as 2026-01-31T12:00:00Z.")
    return found
