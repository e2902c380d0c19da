"""Bodies that say exactly what they may say."""

from collections.abc import Callable, Mapping
from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

from devops.access import Actor


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses what it does not know, and what may only be read."""

    def to_internal_value(self, data: Any) -> Any:
        """The validated values.

        Raises:
            ValidationError: naming each unknown field.
        """
        if isinstance(data, Mapping):
            writable = {name for name, field in self.fields.items() if not field.read_only}
            unknown = [name for name in data if name not in writable]
            if unknown:
                raise serializers.ValidationError(
                    {
                        name: [ErrorDetail(f"Unknown field: {name[:80]}", code="unknown-field")]
                        for name in unknown
                    }
                )
        return super().to_internal_value(data)


class NoBody(StrictSerializer):
    """A request that needs no words."""


class ScopedKey(serializers.UUIDField):
    """The key of a row that the actor can see; validates to the row.

    `rows` is a selector: `ScopedKey(rows=selectors.repositories)`.
    """

    default_error_messages = {"does_not_exist": "Invalid pk: object does not exist"}

    def __init__(self, *, rows: Callable[[Actor], QuerySet[Any]], **options: Any) -> None:
        self.rows = rows
        super().__init__(**options)

    def to_internal_value(self, data: Any) -> Any:
        """The row of the key.

        Raises:
            ValidationError: the actor can see none.
        """
        key = super().to_internal_value(data)
        row = self.rows(self.context["actor"]).filter(pk=key).first()
        if row is None:
            self.fail("does_not_exist")
        return row


class JSONObject(serializers.DictField):
    """Any JSON object; what it may hold is for the operation to say."""

    default_error_messages = {"not_a_dict": "Give an object."}


class ProblemField(serializers.Serializer[Any]):
    """One thing wrong with one field."""

    pointer = serializers.CharField(help_text="JSON pointer into the body, or `?name`.")
    code = serializers.CharField()
    detail = serializers.CharField()
    remedy = serializers.CharField(required=False)


class Problem(serializers.Serializer[Any]):
    """Why a request was refused (RFC 9457)."""

    type = serializers.CharField(help_text="Address of the page about this code.")
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    instance = serializers.CharField()
    code = serializers.CharField(help_text="Stable; branch on this.")
    remedy = serializers.CharField(required=False)
    errors = ProblemField(many=True)  # type: ignore[assignment]  # a field, not the property
