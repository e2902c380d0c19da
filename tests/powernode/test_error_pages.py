"""The pages for what went wrong are there when Django itself calls for them."""

import pytest
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.urls import path

import powernode.urls

REFUSALS: dict[str, Exception] = {
    "400": SuspiciousOperation("odd"),
    "403": PermissionDenied("no"),
    "404": Http404("where"),
    "500": RuntimeError("a bug"),
}


def refuse(_request: HttpRequest, code: str) -> HttpResponse:
    """A view that fails."""
    raise REFUSALS[code]


urlpatterns = [path("refuse/<code>", refuse), *powernode.urls.urlpatterns]
handler400 = powernode.urls.handler400
handler403 = powernode.urls.handler403
handler404 = powernode.urls.handler404
handler500 = powernode.urls.handler500


@pytest.mark.django_db
@pytest.mark.parametrize("code", list(REFUSALS))
@override_settings(ROOT_URLCONF=__name__, DEBUG=False)
def test_a_failure_shows_the_page_of_its_status(code: str) -> None:
    answer = Client(raise_request_exception=False).get(f"/refuse/{code}")

    assert answer.status_code == int(code)
    assert f'<p class="error-code">{code}</p>' in answer.content.decode()
