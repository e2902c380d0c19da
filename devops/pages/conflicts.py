"""Two people, one form: what the later one is shown before anything is overwritten."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django import forms
from django.db.models import Model
from django.http import HttpRequest

from devops.access import Actor
from devops.audit import last_change
from devops.pages.differences import between
from devops.versions import version_of

# What is longer, or has several lines, is shown as a difference of lines.
_LONGEST_VALUE = 200


@dataclass(frozen=True, slots=True)
class Overtaken:
    """What was saved while somebody else was typing.

    Attributes:
        who: whoever saved last, as the audit trail calls them; empty when it does not tell.
        at: when that was.
        version: of what is stored now; a form that is sent with it overwrites that.
        differences: `{label, theirs, yours}`, or `{label, lines}` of long ones.
    """

    who: str
    at: datetime | None
    version: str
    differences: list[dict[str, Any]] = field(default_factory=list)


class RowForm(forms.Form):
    """A form that changes a stored row.

    Attributes:
        seen: the version that it was filled from.
        overtaken: who saved meanwhile, once a save was refused for that.
    """

    seen = ""
    overtaken: Overtaken | None = None


def seen_in(request: HttpRequest) -> str:
    """The version that a sent form was filled from; empty when it does not say."""
    return request.POST.get("seen", "")[:64]


def overtaken(
    actor: Actor, row: Model, differences: list[dict[str, Any]] | None = None
) -> Overtaken:
    """Who saved the row last, with what of it would be overwritten."""
    last = last_change(actor, row)
    return Overtaken(
        last.actor_label if last else "",
        last.at if last else None,
        version_of(row),
        differences or [],
    )


def show_overtaken(form: RowForm, actor: Actor, row: Model, stored: Mapping[str, Any]) -> None:
    """Have a refused form say what is `stored` now, by the names of its fields."""
    form.overtaken = overtaken(actor, row, differences(form, stored))


def differences(form: forms.Form, stored: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The fields in which a sent form differs from what is stored."""
    found = []
    for name, value in stored.items():
        label, widget = form.fields[name].label, form.fields[name]
        theirs, yours = _words(widget, value), _words(widget, form.cleaned_data.get(name))
        if theirs == yours:
            continue
        if "\n" in theirs + yours or len(theirs) + len(yours) > _LONGEST_VALUE:
            found.append({"label": label, "lines": between(theirs, yours)})
        else:
            found.append({"label": label, "theirs": theirs, "yours": yours})
    return found


def _words(shown: forms.Field, value: Any) -> str:
    """A value as a person reads it in the form."""
    if isinstance(shown, forms.BooleanField):
        return "Yes" if value else "No"
    if isinstance(shown, forms.ChoiceField):
        return str(dict(shown.choices).get(value, value))  # type: ignore[arg-type]  # flat choices
    if isinstance(value, dict):
        return "\n".join(f"{name}={text}" for name, text in value.items())
    return "" if value is None else str(value).replace("\r\n", "\n")
