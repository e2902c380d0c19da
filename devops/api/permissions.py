"""Nothing is reachable that does not say who may reach it."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ImproperlyConfigured
from django.urls import URLPattern, URLResolver
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from typing_extensions import override

if TYPE_CHECKING:
    # REST framework's views import this module while they are being imported themselves.
    from rest_framework.views import APIView

# Any member of the account, whatever the role.
MEMBER = "member"


class DeclaredPermission(BasePermission):
    """Asks the actor for the permission that the view declares for the action; none, no entry."""

    @override
    def has_permission(self, request: Request, view: "APIView") -> bool:
        """Whether somebody is there who holds the permission.

        Raises:
            ImproperlyConfigured: the view declares none.
            PermissionDenied: the actor lacks it.
        """
        if getattr(view, "public", ""):
            return True
        actor: Any = request.auth
        if actor is None:
            return False
        action = action_of(view, request.method or "")
        if action in (None, "options", "metadata"):
            # A method that the view does not have: it answers 405 itself.
            return True
        permission = getattr(view, "permissions", {}).get(action)
        if permission is None:
            raise ImproperlyConfigured(f"{type(view).__name__}.{action} declares no permission")
        if permission != MEMBER:
            actor.require(permission)
        return True


class AnyActor(BasePermission):
    """Whoever belongs to an account: for what belongs to nobody, like the API reference."""

    @override
    def has_permission(self, request: Request, view: "APIView") -> bool:
        """Whether somebody is there."""
        return request.auth is not None


def action_of(view: Any, method: str) -> str | None:
    """The name under which a view declares the permission of a request; None for a 405."""
    if hasattr(view, "action"):
        name: str | None = view.action
        return name
    name = method.lower()
    name = "get" if name == "head" else name
    return name if hasattr(view, name) else None


def require_declared(patterns: Sequence[URLPattern | URLResolver]) -> None:
    """Refuse to serve addresses of which one declares nothing.

    Raises:
        ImproperlyConfigured: naming each.
    """
    found = list(undeclared(patterns))
    if found:
        raise ImproperlyConfigured("No permission is declared for: " + "; ".join(found))


def undeclared(patterns: Sequence[URLPattern | URLResolver], prefix: str = "") -> Iterator[str]:
    """Each address and action that declares neither a permission nor a reason to be public."""
    for pattern in patterns:
        address = f"{prefix}{pattern.pattern}"
        if isinstance(pattern, URLResolver):
            yield from undeclared(pattern.url_patterns, address)
        else:
            yield from _undeclared_actions(pattern.callback, address)


def _undeclared_actions(callback: Callable[..., Any] | None, address: str) -> Iterator[str]:
    from rest_framework.views import APIView  # noqa: PLC0415

    view = getattr(callback, "cls", None) or getattr(callback, "view_class", None)
    if getattr(callback, "public", "") or getattr(view, "public", ""):
        return
    if view is None or not issubclass(view, APIView):
        yield f"{address} (a plain view without `public`)"
        return
    classes = tuple(view.permission_classes)
    if classes == (AnyActor,):
        return
    if classes != (DeclaredPermission,):
        yield f"{address} (permission classes replaced)"
        return
    declared = getattr(view, "permissions", {})
    for action in _actions(callback, view):
        if action not in declared:
            yield f"{address} ({view.__name__}.{action})"


def _actions(callback: Any, view: type[Any]) -> set[str]:
    bound = getattr(callback, "actions", None)
    if bound is not None:
        return {action for method, action in bound.items() if method != "options"}
    methods = ("get", "post", "put", "patch", "delete")
    return {method for method in methods if hasattr(view, method)}
