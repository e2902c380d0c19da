"""What the API reference cannot find by itself: the plain views, the names of the step types."""

from typing import Any

_TEXT = {"type": "string"}
_PROBLEM = {
    "description": "Refused; `code` says why.",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


def add_plain_views(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Describe the webhook ingress, which is no REST framework view."""
    receipt = {
        "type": "object",
        "required": ["result", "event_id"],
        "properties": {
            "result": {"enum": ["accepted", "duplicate", "ignored"]},
            "event_id": {"type": ["string", "null"], "format": "uuid"},
        },
    }
    content = {"application/json": {"schema": receipt}}
    result["paths"]["/api/v1/webhooks/git/{hook_token}"] = {
        "post": {
            "operationId": "webhooks_git_receive",
            "description": "Take one delivery of a git host, known by the signature over its body.",
            "tags": ["webhooks"],
            "security": [{}],
            "parameters": [{"name": "hook_token", "in": "path", "required": True, "schema": _TEXT}],
            "requestBody": {
                "required": True,
                "content": {
                    "application/json": {"schema": {"type": "object", "additionalProperties": True}}
                },
            },
            "responses": {
                "202": {"description": "Accepted.", "content": content},
                "200": {"description": "A duplicate, or an ignored event.", "content": content},
                "default": _PROBLEM,
            },
        }
    }
    result["paths"] = dict(sorted(result["paths"].items()))
    result["paths"]["/api/v1/webhooks/pipelines/{hook_token}"] = _pipeline_hook()
    return result


def name_step_types(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Say which step types there are where one is written."""
    from pipelines.steps.builtin import BUILTIN  # noqa: PLC0415  (the settings name this module)

    names = ", ".join(sorted(f"`{step_type.name}`" for step_type, _ in BUILTIN))
    body = result["components"]["schemas"]["StepBodyRequest"]
    body["properties"]["step_type"]["description"] = f"One of {names}, or what a package added."
    return result


def _pipeline_hook() -> dict[str, Any]:
    receipt = {
        "type": "object",
        "required": ["result", "run_id"],
        "properties": {
            "result": {"enum": ["accepted", "duplicate"]},
            "run_id": {"type": "string", "format": "uuid"},
        },
    }
    content = {"application/json": {"schema": receipt}}
    body = {"application/json": {"schema": {"type": "object", "additionalProperties": True}}}
    return {
        "post": {
            "operationId": "webhooks_pipelines_receive",
            "description": "Start a pipeline, signed by Standard Webhooks; once for a webhook-id.",
            "tags": ["webhooks"],
            "security": [{}],
            "parameters": [{"name": "hook_token", "in": "path", "required": True, "schema": _TEXT}],
            "requestBody": {"required": True, "content": body},
            "responses": {
                "202": {"description": "A run was started.", "content": content},
                "200": {"description": "It was started before.", "content": content},
                "default": _PROBLEM,
            },
        }
    }
