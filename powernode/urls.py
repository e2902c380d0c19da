"""Every address of the product; each app brings its own."""

from django.contrib import admin
from django.urls import include, path

from powernode import health
from powernode.problem_pages import problem_page

urlpatterns = [
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("docs/problems/<slug:code>", problem_page),
    path("api/", include("powernode.api_urls")),
    path("admin/", admin.site.urls),
    path("", include("powernode.page_urls")),
    path("accounts/", include("allauth.urls")),
]

handler400 = "powernode.pages.bad_request"
handler403 = "powernode.pages.forbidden"
handler404 = "powernode.pages.not_found"
handler500 = "powernode.pages.server_error"
