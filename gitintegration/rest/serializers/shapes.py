"""What hosts tell, as JSON: a serializer for each shape, made from its own fields."""

import dataclasses
import types
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from rest_framework import serializers

_PLAIN: Mapping[Any, type[serializers.Field[Any, Any, Any, Any]]] = {
    str: serializers.CharField,
    int: serializers.IntegerField,
    bool: serializers.BooleanField,
    datetime: serializers.DateTimeField,
}


@cache
def serializer_of(shape: type) -> type[serializers.Serializer[Any]]:
    """The serializer of a shape: its fields, and its properties."""
    hints = get_type_hints(shape)
    fields: dict[str, Any] = {
        field.name: _field(hints[field.name]) for field in dataclasses.fields(shape)
    }
    for name, member in vars(shape).items():
        if isinstance(member, property) and member.fget is not None:
            fields[name] = _field(get_type_hints(member.fget).get("return", str))
    fields["__doc__"] = (shape.__doc__ or "").partition("\n")[0]
    return type(f"{shape.__name__}Shape", (serializers.Serializer,), fields)


@cache
def page_of(shape: type) -> type[serializers.Serializer[Any]]:
    """The serializer of one page of a host's list."""
    fields: dict[str, Any] = {
        "results": serializer_of(shape)(many=True),
        "next_page": serializers.CharField(
            help_text="Send as `page` for the next one; empty at the end.", allow_blank=True
        ),
        "__doc__": f"A page of the host's list of {shape.__name__}.",
    }
    return type(f"{shape.__name__}Page", (serializers.Serializer,), fields)


def _field(hint: Any) -> Any:
    if get_origin(hint) in {Union, types.UnionType}:
        present = next(each for each in get_args(hint) if each is not type(None))
        found = _field(present)
        found.allow_null = True
        return found
    if dataclasses.is_dataclass(hint):
        return serializer_of(hint)()  # type: ignore[arg-type]
    return _generic(hint) or _PLAIN[hint]()


def _generic(hint: Any) -> Any:
    """The field of a hint with brackets, or of anything at all."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return serializers.CharField(help_text=" ".join(str(each) for each in arguments if each))
    if origin is tuple and dataclasses.is_dataclass(arguments[0]):
        return serializer_of(arguments[0])(many=True)  # type: ignore[arg-type]
    if origin is tuple:
        return serializers.ListField(child=_field(arguments[0]))
    return serializers.DictField() if origin is not None or hint is object else None
