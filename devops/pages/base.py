"""What every page shares: a person who is logged in, acting in one of their accounts."""

import uuid
from typing import Any, TypeVar
from urllib.parse import urlsplit

from django.contrib import messages
from django.contrib.auth.mixins import LoginRequiredMixin
from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views import View

from devops.access import Actor, member_actor, membership_of
from devops.errors import DomainError, NotFound, PermissionDenied
from devops.keyset import Place, slice_after, slice_before
from devops.models import User

PAGE_SIZE = 50
AnyRow = TypeVar("AnyRow", bound=Model)


class NoAccount(DomainError):
    """The person can log in but belongs to no account: there is nothing to show."""


class Page(LoginRequiredMixin, View):
    """A page of the dashboard: thin like a REST view, calling the same selectors and operations.

    Attributes:
        nav_area: the entry of the rail that is marked as the present one.
    """

    nav_area = ""
    actor: Actor

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Resolve the actor, then map our errors to pages."""
        if not isinstance(request.user, User):
            return self.handle_no_permission()
        try:
            self.actor = self.resolve_actor(request, **kwargs)
            request.actor = self.actor  # type: ignore[attr-defined]
            return super().dispatch(request, *args, **kwargs)
        except NoAccount:
            return render(request, "no_account.html", status=403)
        except NotFound as error:
            raise Http404(error.detail) from error
        except PermissionDenied as error:
            raise DjangoPermissionDenied(f"{error.detail} {error.remedy}") from error
        except DomainError as error:
            if request.method == "POST":
                return self.refuse(error, asked_from(request))
            return render(request, "400.html", {"detail": error.detail}, status=error.status)

    def resolve_actor(self, request: HttpRequest, **_: Any) -> Actor:
        """The account of the session; pages of one object override this."""
        wanted = request.session.get("account_id")
        return self._act(request, uuid.UUID(wanted) if wanted else None)

    def act_in(self, request: HttpRequest, account_id: uuid.UUID | None) -> Actor:
        """The person as a member of the object's account; an address works in every account.

        Raises:
            NotFound: the object does not exist or the person is no member there.
        """
        if account_id is None:
            raise NotFound("There is nothing at this address.")
        return self._act(request, account_id)

    def _act(self, request: HttpRequest, account_id: uuid.UUID | None) -> Actor:
        assert isinstance(request.user, User)  # noqa: S101  (narrows the type; dispatch checked it)
        membership = membership_of(request.user, account_id)
        if membership is None and account_id is not None and not self.kwargs:
            # The account of the session is gone: fall back to one that is there.
            membership = membership_of(request.user)
        if membership is None:
            if membership_of(request.user) is None:
                raise NoAccount("You are no member of any account.")
            raise NotFound("There is nothing at this address for you.")
        if request.session.get("account_id") != str(membership.account_id):
            request.session["account_id"] = str(membership.account_id)
        address = request.META.get("REMOTE_ADDR") or None
        return member_actor(membership).seen_from(address, request.headers.get("User-Agent", ""))

    def render(self, template: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
        """A template with the page's frame."""
        return render(self.request, template, {"nav_area": self.nav_area, **context}, status=status)

    def refuse(self, error: DomainError, back: str) -> HttpResponse:
        """Say why something was refused, on the page it was asked from."""
        messages.error(self.request, f"{error.detail} {error.remedy}".strip())
        return redirect(back)

    def note(self, text: str, *, draft: str = "") -> None:
        """Say that something was done; the browser forgets the draft of what is saved now."""
        messages.success(self.request, text, extra_tags=draft)


def asked_from(request: HttpRequest, otherwise: str = "/") -> str:
    """The page of ours that a form was sent from, else the overview or what is said."""
    referer = urlsplit(request.headers.get("Referer", ""))
    if referer.netloc != request.get_host() or not referer.path.startswith("/"):
        return otherwise
    return f"{referer.path}?{referer.query}" if referer.query else referer.path


def one_of(rows: QuerySet[AnyRow], pk: object) -> AnyRow:
    """The visible row of that key.

    Raises:
        NotFound: none is visible.
    """
    row = rows.filter(pk=pk).first()
    if row is None:
        raise NotFound("There is nothing at this address.")
    return row


def cursor_page(
    request: HttpRequest, rows: QuerySet[Any], size: int = PAGE_SIZE
) -> tuple[list[Any], dict[str, Any]]:
    """One page of rows ordered by `-id`, and the addresses of the newer and older ones."""
    before, after = _key(request, "before"), _key(request, "after")
    if after is not None:
        found = list(rows.filter(pk__gt=after).order_by("id")[: size + 1])
        has_newer, found = len(found) > size, found[:size][::-1]
        has_older = True
    else:
        if before is not None:
            rows = rows.filter(pk__lt=before)
        found = list(rows.order_by("-id")[: size + 1])
        has_older, found = len(found) > size, found[:size]
        has_newer = before is not None
    page = {
        "newer_url": _address(request, after=found[0].pk) if has_newer and found else None,
        "older_url": _address(request, before=found[-1].pk) if has_older and found else None,
    }
    return found, page


def ordered_page(
    request: HttpRequest, rows: QuerySet[Any], column: str, size: int = PAGE_SIZE
) -> tuple[list[Any], dict[str, Any]]:
    """One page of rows ordered by a number, the largest first, and its neighbours' addresses."""
    after = Place.read(request.GET.get("after", ""))
    if after is not None:
        page = slice_before(rows, column, after, size)
    else:
        before = Place.read(request.GET.get("before", ""))
        page = slice_after(rows, column, before, size)
    if not page.rows:
        return [], {"newer_url": None, "older_url": None}
    first, last = Place.of(page.rows[0], column), Place.of(page.rows[-1], column)
    return page.rows, {
        "newer_url": _address(request, after=first) if page.has_before else None,
        "older_url": _address(request, before=last) if page.has_after else None,
    }


def _key(request: HttpRequest, name: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(request.GET.get(name, ""))
    except ValueError:
        return None


def _address(request: HttpRequest, **change: object) -> str:
    query = request.GET.copy()
    for name in ("before", "after"):
        query.pop(name, None)
    for name, value in change.items():
        query[name] = str(value)
    return f"{request.path}?{query.urlencode()}"
