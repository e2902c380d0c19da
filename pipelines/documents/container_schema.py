"""`image` and `services`: their schema, and what it cannot say."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from devops.safety.images import IMAGE_MAX, IMAGE_PATTERN, SERVICE_PATTERN
from devops.safety.json_values import join_pointer
from pipelines.documents.findings import Problem
from pipelines.documents.places import step_places
from pipelines.documents.vocabulary import (
    LONGEST_SERVICE_WAIT,
    MOST_SERVICES,
    NAME_PATTERN,
    NO_IMAGE,
)

Schema = dict[str, Any]
_LONGEST_IMAGE = 1000
_IMAGE = re.compile(IMAGE_PATTERN)


def image_schema(description: str) -> Schema:
    """The schema of `image`; an expression may stand in it."""
    return {
        "type": "string",
        "minLength": 1,
        "maxLength": _LONGEST_IMAGE,
        "description": description,
    }


def services_schema(description: str) -> Schema:
    """The schema of `services`: by the name under which the command reaches each."""
    seconds = {"type": "number", "minimum": 0.5, "maximum": 300}
    check = {
        "command": {
            "type": "string",
            "minLength": 1,
            "maxLength": 4096,
            "description": "Shell command inside the service; success means that it works.",
        },
        "interval_seconds": {**seconds, "description": "Between two tries; default 1."},
        "timeout_seconds": {**seconds, "minimum": 1, "description": "Of one try; default 10."},
        "retries": {
            "type": "integer",
            "minimum": 1,
            "maximum": 1000,
            "description": "Failures after which it counts as broken; default 30.",
        },
        "wait_seconds": {
            "type": "number",
            "minimum": 1,
            "maximum": LONGEST_SERVICE_WAIT,
            "description": "How long the step waits for it; default 60.",
        },
    }
    words = {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 100}
    service = {
        "image": image_schema("Its image."),
        "env": {
            "type": "object",
            "propertyNames": {"pattern": NAME_PATTERN},
            "additionalProperties": {"type": ["string", "number", "boolean", "null"]},
            "description": "Its environment.",
        },
        "command": {
            "anyOf": [{"type": "string", "minLength": 1, "maxLength": 65_536}, words],
            "description": "What it runs instead of the image's own command; text is a script.",
        },
        "healthcheck": {
            "type": "object",
            "properties": check,
            "required": ["command"],
            "additionalProperties": False,
            "description": "How to tell that it works; default: the image's own, else running.",
        },
    }
    return {
        "type": "object",
        "maxProperties": MOST_SERVICES,
        "propertyNames": {"pattern": SERVICE_PATTERN},
        "additionalProperties": {
            "type": "object",
            "properties": service,
            "required": ["image"],
            "additionalProperties": False,
        },
        "description": description,
    }


def container_problems(document: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield images that are none, and services beside commands that run in no container."""
    whole = document.get("image")
    yield from _image_problems(whole, "/image", may_be_none=False)
    yield from _service_problems(document.get("services"), "/services")
    runs_in_container = False
    for place in step_places(document):
        if place.is_group:
            continue
        image = place.step.get("image", whole)
        runs_in_container |= bool(image) and image != NO_IMAGE
        yield from _image_problems(
            place.step.get("image"), f"{place.pointer}/image", may_be_none=True
        )
        services, pointer = place.step.get("services"), f"{place.pointer}/services"
        yield from _service_problems(services, pointer)
        if services and (not image or image == NO_IMAGE):
            yield _without_image(pointer)
    if document.get("services") and not runs_in_container:
        yield _without_image("/services")


def _without_image(pointer: str) -> Problem:
    message = "`services` run beside commands in containers, and no `image` is given"
    remedy = "Give the step or the pipeline an `image`; processes of the worker reach no service."
    return Problem(pointer, "services-without-image", message, remedy, at_key=True)


def _service_problems(services: Any, pointer: str) -> Iterator[Problem]:
    for name, service in services.items() if isinstance(services, Mapping) else ():
        if isinstance(service, Mapping):
            place = f"{join_pointer(pointer, name)}/image"
            yield from _image_problems(service.get("image"), place, may_be_none=False)


def _image_problems(image: Any, pointer: str, *, may_be_none: bool) -> Iterator[Problem]:
    if not isinstance(image, str) or not image or "${{" in image:
        return
    if image == NO_IMAGE:
        if not may_be_none:
            message = "`none` takes a step out of the pipeline's image; here it means nothing"
            yield Problem(pointer, "image", message, "Leave `image` out.")
    elif len(image) > IMAGE_MAX or not _IMAGE.fullmatch(image):
        message = f"`{image[:80]}` is no name of an image"
        remedy = "For example `python:3.12-slim` or `registry.example.com/team/tool:1`."
        yield Problem(pointer, "image", message, remedy)
