"""`/settings/caches`: what steps keep from run to run, and a way to take it away."""

import uuid

from django.db.models import Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from devops.pages.base import Page, cursor_page, one_of
from pipelines import selectors
from pipelines.operations.caches import WRITE_CACHES, delete_cache

ADDRESS = "/settings/caches"


class Caches(Page):
    """The account's caches, newest first."""

    nav_area = "settings"

    def get(self, request: HttpRequest) -> HttpResponse:
        key = request.GET.get("key", "").strip()
        rows = selectors.caches(self.actor)
        total = rows.aggregate(size=Sum("size_bytes"))["size"] or 0
        if key:
            rows = rows.filter(key__startswith=key)
        found, page = cursor_page(request, rows)
        return self.render(
            "settings/caches.html",
            {
                "section": "caches",
                "caches": found,
                "page": page,
                "total_bytes": total,
                "key": key,
                "can_write": self.actor.may(WRITE_CACHES),
            },
        )


class CacheDelete(Page):
    """`POST /settings/caches/<id>/delete`."""

    nav_area = "settings"

    def post(self, _request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        cache = one_of(selectors.caches(self.actor), pk)
        delete_cache(self.actor, cache)
        self.note(f"The cache {cache.key} is deleted.")
        return redirect(ADDRESS)
