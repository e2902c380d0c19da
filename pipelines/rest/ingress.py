"""Where senders start pipelines: a plain view, known by the signature over its body."""

from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.views.decorators.csrf import csrf_exempt

from devops.errors import DomainError
from devops.problems import domain_response, problem_response, respond
from pipelines.operations.hooks import MAX_BODY_BYTES, receive

_INSTANCE = "/api/v1/webhooks/pipelines"


@csrf_exempt
def pipeline_webhook(request: HttpRequest, hook_token: str) -> HttpResponse:
    """Start a run: 202 `accepted`, 200 `duplicate` with the same run, else a problem."""
    # The token in the path is a secret: problem documents do not repeat it.
    refusal = _refusal(request)
    if refusal is not None:
        return refusal
    headers = {name.lower(): value for name, value in request.headers.items()}
    try:
        receipt = receive(hook_token, headers, request.body)
    except DomainError as error:
        return domain_response(error, _INSTANCE)
    except (RequestDataTooBig, OperationalError, InterfaceError, UnreadablePostError) as error:
        answer = respond(error, _INSTANCE)
        if answer is None:
            raise
        return answer
    status = 202 if receipt.result == "accepted" else 200
    return JsonResponse({"result": receipt.result, "run_id": receipt.run_id}, status=status)


pipeline_webhook.public = "the sender is known by the signature over the body"  # type: ignore[attr-defined]


def _refusal(request: HttpRequest) -> HttpResponse | None:
    if request.method != "POST":
        headers = {"Allow": "POST"}
        return problem_response(405, "Calls come by POST.", instance=_INSTANCE, headers=headers)
    if request.content_type != "application/json":
        return problem_response(415, "A call is `application/json`.", instance=_INSTANCE)
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdigit() or int(length) > MAX_BODY_BYTES:
        text = f"A call has at most {MAX_BODY_BYTES // 1024} KB."
        return problem_response(413, text, instance=_INSTANCE)
    return None
