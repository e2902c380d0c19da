"""Where git hosts deliver: a plain view, because every millisecond counts here."""

from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.views.decorators.csrf import csrf_exempt

from devops.errors import DomainError
from devops.problems import domain_response, problem_response, respond
from gitintegration.choices import MAX_DELIVERY_BYTES
from gitintegration.operations.deliveries import receive_delivery

_STATUS = {"accepted": 202, "duplicate": 200, "ignored": 200}


@csrf_exempt
def git_webhook(request: HttpRequest, hook_token: str) -> HttpResponse:
    """Take one delivery: 202 `accepted`, 200 `duplicate` or `ignored`, else a problem."""
    # The token in the path is a secret: problem documents do not repeat it.
    instance = "/api/v1/webhooks/git"
    refusal = _refusal(request, instance)
    if refusal is not None:
        return refusal
    headers = {name.lower(): value for name, value in request.headers.items()}
    try:
        receipt = receive_delivery(hook_token, headers, request.body)
    except DomainError as error:
        return domain_response(error, instance)
    except (RequestDataTooBig, OperationalError, InterfaceError, UnreadablePostError) as error:
        answer = respond(error, instance)
        if answer is None:
            raise
        return answer
    body = {"result": receipt.result, "event_id": receipt.event_id}
    return JsonResponse(body, status=_STATUS[receipt.result])


git_webhook.public = "the sender is known by the signature over the body"  # type: ignore[attr-defined]


def _refusal(request: HttpRequest, instance: str) -> HttpResponse | None:
    if request.method != "POST":
        return problem_response(
            405, "Deliveries come by POST.", instance=instance, headers={"Allow": "POST"}
        )
    if request.content_type != "application/json":
        return problem_response(
            415, "A delivery is `application/json`.", instance=instance,
            remedy="Choose JSON as the content type of the hook.",
        )  # fmt: skip
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdigit() or int(length) > MAX_DELIVERY_BYTES:
        return problem_response(413, "A delivery has at most 5 MB.", instance=instance)
    return None
