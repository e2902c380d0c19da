"""The forms of the settings pages; the rules are the operations'."""

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


def show_errors(form: forms.Form, error: DomainError) -> None:
    """Put each of an operation's problems beside its field, the rest on top."""
    for problem in error.errors:
        name = problem.pointer.strip("/").split("/")[0]
        form.add_error(name if name in form.fields else None, problem.detail)
    if not error.errors:
        form.add_error(None, f"{error.detail} {error.remedy}".strip())
