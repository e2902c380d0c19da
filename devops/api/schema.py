"""What the API reference says of every operation beyond what its view says."""

from typing import Any

from django.conf import settings
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema as BaseSchema
from drf_spectacular.utils import OpenApiParameter
from typing_extensions import override

from devops.api.permissions import MEMBER, action_of
from devops.api.serializers import Problem
from devops.idempotency import HEADER
from devops.versions import IF_MATCH


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """API tokens."""

    target_class = "devops.api.authentication.TokenAuthentication"
    name = "bearer"

    @override
    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        """How to send one."""
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "`Authorization: Bearer pn_…`: a token of one account, with its scopes.",
        }


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """The browser."""

    target_class = "devops.api.authentication.SessionAuthentication"
    name = "session"

    @override
    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        """How the browser is known."""
        return {
            "type": "apiKey",
            "in": "cookie",
            "name": settings.SESSION_COOKIE_NAME,
            "description": "With `X-CSRFToken` on writes; `X-Powernode-Account` names the account.",
        }


class AutoSchema(BaseSchema):
    """Adds the permission, the problem document and the idempotency key."""

    def get_tags(self) -> list[str]:
        """Grouped by the first word after the version and the area."""
        words = self.path.removeprefix("/api/v1/").split("/")
        return [words[1] if words[0] in {"devops", "git", "account"} and words[1:] else words[0]]

    def get_override_parameters(self) -> list[OpenApiParameter | Any]:
        """The headers that make a POST safe to repeat and a change safe beside another."""
        parameters = list(super().get_override_parameters())
        if self.method == "POST":
            parameters.append(
                OpenApiParameter(
                    HEADER,
                    str,
                    OpenApiParameter.HEADER,
                    required=False,
                    description="Repeats with the same key and body within 24 hours take no effect"
                    " and get the first answer.",
                )
            )
        if action_of(self.view, self.method) in getattr(self.view, "conditional", ()):
            parameters.append(
                OpenApiParameter(
                    IF_MATCH,
                    str,
                    OpenApiParameter.HEADER,
                    required=False,
                    description="The `ETag` of the answer that is changed: 412 `stale` when"
                    " somebody changed it since. Without it, the last one wins.",
                )
            )
        return parameters

    def get_extensions(self) -> dict[str, Any]:
        """The permission that the operation asks for."""
        extensions: dict[str, Any] = dict(super().get_extensions())
        declared = getattr(self.view, "permissions", {})
        permission = declared.get(action_of(self.view, self.method))
        if permission:
            extensions["x-permission"] = "any member" if permission == MEMBER else permission
        return extensions

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        component = self.resolve_serializer(Problem, "response")
        bodies["default"] = {
            "description": "Refused; `code` says why.",
            "content": {"application/problem+json": {"schema": component.ref}},
        }
        return bodies
