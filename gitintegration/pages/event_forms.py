"""The forms of receivers and workflow triggers; the rules are the operations'."""

import json
from typing import Any

from django import forms

from devops.errors import DomainError
from devops.pages.forms import PairsField, show_errors
from gitintegration.choices import EVENT_GROUPS, BranchFilterType, RetryBackoff
from gitintegration.operations.account_webhooks import CONTENT_TYPES
from gitintegration.operations.workflow_triggers import EVENTS

FILTER_WORDS = {
    BranchFilterType.NONE: "Every branch",
    BranchFilterType.EXACT: "Exactly this branch",
    BranchFilterType.WILDCARD: "Wildcard: feature/*, release/**",
    BranchFilterType.REGEX: "Regular expression",
}
_MONO = {"class": "mono", "autocomplete": "off", "spellcheck": "false"}


class ReceiverForm(forms.Form):
    """Where to send which events, and how."""

    name = forms.CharField(max_length=255, label="Name")
    url = forms.CharField(
        max_length=500, label="Address", help_text="Where events are posted to, https preferred.",
        widget=forms.TextInput({**_MONO, "placeholder": "https://", "inputmode": "url"}),
    )  # fmt: skip
    description = forms.CharField(max_length=500, required=False, label="Description")
    event_types = forms.MultipleChoiceField(
        choices=[
            (group, [(event, event.replace("_", " ")) for event in events])
            for group, events in EVENT_GROUPS.items()
        ],
        required=False, label="Events", widget=forms.CheckboxSelectMultiple,
        help_text="None chosen: all of them.",
    )  # fmt: skip
    branch_filter_type = forms.ChoiceField(
        choices=[(value, FILTER_WORDS[value]) for value in BranchFilterType], label="Branches",
    )  # fmt: skip
    branch_filter = forms.CharField(
        max_length=500, required=False, label="Branch pattern", widget=forms.TextInput(_MONO)
    )
    content_type = forms.ChoiceField(
        choices=[(each, each) for each in CONTENT_TYPES], label="Body as"
    )
    timeout_seconds = forms.IntegerField(
        min_value=1, max_value=300, initial=30, label="Answer within (seconds)"
    )
    retry_limit = forms.IntegerField(
        min_value=0, max_value=10, initial=3, label="Tries again (times)"
    )
    retry_backoff = forms.ChoiceField(
        choices=[
            (RetryBackoff.EXPONENTIAL, "Longer each time"), (RetryBackoff.LINEAR, "Evenly growing"),
        ],
        label="Pauses between tries",
    )  # fmt: skip
    custom_headers = PairsField(
        label="Headers of your own", help_text="One name: value per line.", separator=":"
    )

    def values(self) -> dict[str, Any]:
        """What the operation takes: without a kind of filter its pattern means nothing."""
        found = dict(self.cleaned_data)
        if found["branch_filter_type"] == BranchFilterType.NONE:
            found["branch_filter"] = ""
        return found


class ObjectField(forms.CharField):
    """A JSON object."""

    def __init__(self, *, label: str, help_text: str, placeholder: str) -> None:
        super().__init__(
            required=False, max_length=50_000, label=label, help_text=help_text,
            widget=forms.Textarea({**_MONO, "rows": 4, "placeholder": placeholder}),
        )  # fmt: skip

    def clean(self, value: str | None) -> dict[str, Any]:
        text = (super().clean(value) or "").strip()
        if not text:
            return {}
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise forms.ValidationError(f"This is not JSON: {error}.") from error
        if not isinstance(found, dict):
            raise forms.ValidationError("Give a JSON object: { … }.")
        return found


class WorkflowTriggerForm(forms.Form):
    """What calls what."""

    name = forms.CharField(max_length=255, label="Name")
    repository = forms.UUIDField(required=False, label="Repository")
    event_type = forms.ChoiceField(
        choices=[(each, each.replace("_", " ")) for each in EVENTS], label="When this happens"
    )
    branch_pattern = forms.CharField(
        max_length=255, required=False, initial="*", label="On branches",
        help_text="* stands for anything: main, release/*.", widget=forms.TextInput(_MONO),
    )  # fmt: skip
    path_pattern = forms.CharField(
        max_length=255, required=False, label="When these files change",
        help_text="A beginning such as docs/, or a pattern with *. Empty: any file.",
        widget=forms.TextInput(_MONO),
    )  # fmt: skip
    kind = forms.ChoiceField(
        choices=[("webhook", "A web address (webhook)"), ("a2a", "An agent (A2A)")], label="Call"
    )
    url = forms.CharField(
        max_length=500,
        label="Address",
        widget=forms.TextInput({**_MONO, "placeholder": "https://"}),
    )
    credential_ref = forms.CharField(
        max_length=255, required=False, label="Secret",
        help_text="The name of a secret of this account that is sent along.",
        widget=forms.TextInput(_MONO),
    )  # fmt: skip
    event_filters = ObjectField(
        label="Only when",
        help_text="Paths of the host's body and what must stand there; /…/ is a pattern.",
        placeholder='{"action": ["opened", "reopened"]}',
    )
    payload_mapping = ObjectField(
        label="Variables",
        help_text="Names of variables and the paths that they are taken from.",
        placeholder='{"title": "pull_request.title"}',
    )

    def __init__(self, *args: object, repositories: list[tuple[str, str]], **kw: object) -> None:
        super().__init__(*args, **kw)  # type: ignore[arg-type]  # passed on as they came
        choices = [("", "Every repository"), *repositories]
        self.fields["repository"].widget = forms.Select(choices=choices)

    def values(self) -> dict[str, Any]:
        """What the operation takes; the repository stays a key."""
        found = dict(self.cleaned_data)
        target = {"kind": found.pop("kind"), "url": found.pop("url")}
        secret = found.pop("credential_ref")
        found["target"] = {**target, **({"credential_ref": secret} if secret else {})}
        found["branch_pattern"] = found["branch_pattern"] or "*"
        return found


def show_target_errors(form: forms.Form, error: DomainError) -> None:
    """Beside their fields, also those of the address inside `target`."""
    for problem in error.errors:
        if problem.pointer.startswith("/target"):
            form.add_error("url", problem.detail)
            return
    show_errors(form, error)
