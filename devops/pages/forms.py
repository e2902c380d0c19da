"""The forms of the settings pages; the rules are the operations'."""

from collections.abc import Mapping
from zoneinfo import available_timezones

from django import forms

from devops.choices import SCOPE_ALL, SCOPE_READ, Role
from devops.errors import DomainError

LIFETIMES = [("30", "30 days"), ("90", "90 days"), ("365", "One year"), ("", "Without end")]
SCOPES = [
    (SCOPE_ALL, "Everything that I may do"),
    (SCOPE_READ, "Read only"),
    ("devops.pipeline_runs.write", "Start, cancel and repeat runs"),
    ("devops.pipelines.write", "Change pipelines"),
]


_LINES = {"rows": 4, "spellcheck": "false", "placeholder": "name=value"}


class ProfileForm(forms.Form):
    """About the person."""

    name = forms.CharField(max_length=150, required=False, label="Name")
    timezone = forms.ChoiceField(
        required=False,
        label="Time zone",
        help_text="Empty: the browser's.",
        choices=lambda: [
            ("", "The browser's"),
            *((zone, zone) for zone in sorted(available_timezones())),
        ],
    )


class AccountForm(forms.Form):
    """About the account."""

    name = forms.CharField(max_length=120, label="Name")


class InvitationForm(forms.Form):
    """Whom to invite as what."""

    email = forms.EmailField(label="E-mail address")
    role = forms.ChoiceField(
        choices=Role.choices, initial=Role.DEVELOPER, label="Role",
        help_text="Viewers read; developers run and change pipelines; "
        "admins manage people and secrets.",
    )  # fmt: skip


class TokenForm(forms.Form):
    """What a token is for and what it may do."""

    name = forms.CharField(max_length=120, label="Name", help_text="What it is for.")
    scopes = forms.MultipleChoiceField(
        choices=SCOPES, initial=[SCOPE_ALL], label="May", widget=forms.CheckboxSelectMultiple
    )
    expires = forms.ChoiceField(choices=LIFETIMES, initial="90", required=False, label="Lives for")


class PairsField(forms.CharField):
    """Lines of `name=value` as a dictionary."""

    def __init__(self, *, label: str, help_text: str, separator: str = "=") -> None:
        mark = f"name{separator}value" if separator == "=" else f"Name{separator} value"
        super().__init__(
            required=False, max_length=20_000, label=label, help_text=help_text,
            widget=forms.Textarea({**_LINES, "placeholder": mark, "class": "mono"}),
        )  # fmt: skip
        self._separator = separator

    def clean(self, value: str | None) -> dict[str, str]:
        found: dict[str, str] = {}
        for number, line in enumerate((super().clean(value) or "").splitlines(), start=1):
            if not line.strip():
                continue
            name, separator, text = line.partition(self._separator)
            if not separator or not name.strip():
                word = f"Line {number} is not of the form name{self._separator}value."
                raise forms.ValidationError(word)
            if name.strip() in found:
                raise forms.ValidationError(f"Line {number} names {name.strip()} again.")
            found[name.strip()] = text.strip()
        return found


def pairs_text(pairs: dict[str, object], separator: str = "=") -> str:
    """A dictionary as the lines of a `PairsField`."""
    gap = "" if separator == "=" else " "
    return "\n".join(f"{name}{separator}{gap}{value}" for name, value in pairs.items())


def show_errors(
    form: forms.Form, error: DomainError, called: Mapping[str, str] | None = None
) -> None:
    """Put each of an operation's problems beside its field, the rest on top.

    `called` are the form's names of fields that the operation knows under another.
    """
    for problem in error.errors:
        name = problem.pointer.strip("/").split("/")[0]
        name = (called or {}).get(name, name)
        form.add_error(name if name in form.fields else None, problem.detail)
    if not error.errors:
        form.add_error(None, f"{error.detail} {error.remedy}".strip())
