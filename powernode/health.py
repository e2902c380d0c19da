"""`/healthz`: this process answers. `/readyz`: it can do its work."""

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_GET

from devops import nudge


@require_GET
def healthz(_request: HttpRequest) -> JsonResponse:
    """The process is alive; nothing else is asked."""
    return JsonResponse({"status": "ok"})


@require_GET
def readyz(_request: HttpRequest) -> JsonResponse:
    """The database and the broker answer; 503 names the one that does not."""
    checks = {"database": _database(), "broker": nudge.broker_problem()}
    healthy = not any(checks.values())
    body = {
        "status": "ok" if healthy else "unavailable",
        "checks": {name: problem or "ok" for name, problem in checks.items()},
        "profile": settings.POWERNODE_PROFILE,
    }
    return JsonResponse(body, status=200 if healthy else 503)


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        return str(error)[:200]
    return ""
