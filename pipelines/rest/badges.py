"""A pipeline's badge: a picture for everybody who has its address, and for nobody else."""

import hashlib

from django.http import HttpRequest, HttpResponse
from django.utils.http import parse_etags

from devops.problems import problem_response
from pipelines import selectors
from pipelines.badges import LABEL, LABEL_MAX, draw

_KNOWN = frozenset({"branch", "label"})
_BRANCH_MAX = 255
# The picture may be shown anywhere, and does nothing wherever it is opened.
_HEADERS = {
    "Cache-Control": "no-cache, max-age=0",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "X-Content-Type-Options": "nosniff",
}


def badge(request: HttpRequest, token: str) -> HttpResponse:
    """The badge of `?branch=`, by default the repository's default branch.

    An address that never was and a withdrawn one are answered alike.
    """
    # The token in the path is a secret: problem documents do not repeat it.
    instance = "/api/v1/badges"
    if request.method not in {"GET", "HEAD"}:
        return problem_response(
            405, "A badge is read by GET.", instance=instance, headers={"Allow": "GET, HEAD"}
        )
    branch, label = request.GET.get("branch", ""), request.GET.get("label", LABEL)
    unknown = sorted(set(request.GET) - _KNOWN)
    if unknown or len(branch) > _BRANCH_MAX or len(label) > LABEL_MAX:
        return problem_response(
            400, f"A badge takes `branch` and a `label` of at most {LABEL_MAX} characters.",
            instance=instance,
        )  # fmt: skip
    state = selectors.badge_state(token, branch)
    if state is None:
        return problem_response(404, "No badge has this address.", instance=instance)
    picture = draw(state, label)
    etag = f'"{hashlib.sha256(picture.encode()).hexdigest()[:32]}"'
    headers = {**_HEADERS, "ETag": etag}
    if etag in parse_etags(request.headers.get("If-None-Match", "")):
        return HttpResponse(status=304, headers=headers)
    return HttpResponse(picture, content_type="image/svg+xml; charset=utf-8", headers=headers)


badge.public = "the address is the key"  # type: ignore[attr-defined]
