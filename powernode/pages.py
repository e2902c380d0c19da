"""The pages for what went wrong."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """400; Django names the argument, the page does not need it."""
    return render(request, "400.html", status=400)


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """403, with the reason when there is one."""
    return render(request, "403.html", {"detail": str(exception or "")}, status=403)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """404; the exception would tell of addresses, so the page does not."""
    return render(request, "404.html", status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    """500."""
    return render(request, "500.html", status=500)


_STALE = "The page was open for too long, or was not one of ours. Go back, reload it and try again."


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form without a valid token, most often one that was open for very long."""
    return render(request, "403.html", {"detail": f"{_STALE} ({reason})"}, status=403)


_ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24">'
    '<rect width="24" height="24" rx="6" fill="#4a4fd8"/>'
    '<path d="M13 4 7 13.2h4L10.6 20 17 10.6h-4.2z" fill="#fff"/></svg>'
)


def favicon(_request: HttpRequest) -> HttpResponse:
    """The mark that browsers ask for where a page names none."""
    return HttpResponse(
        _ICON, content_type="image/svg+xml", headers={"Cache-Control": "public, max-age=86400"}
    )
