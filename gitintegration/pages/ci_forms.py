"""The forms of the pages about the hosts' own CI; the rules are the operations'."""

from zoneinfo import available_timezones

from django import forms

from devops.pages.forms import PairsField
from gitintegration.choices import RunnerScope


class TriggerForm(forms.Form):
    """What to start, and on which branch."""

    workflow = forms.CharField(max_length=255, required=False, label="Workflow")
    ref = forms.CharField(
        max_length=255, label="Branch or tag",
        widget=forms.TextInput({"list": "refs", "autocomplete": "off", "class": "mono"}),
    )  # fmt: skip
    inputs = PairsField(label="Inputs", help_text="One name=value per line.")

    def __init__(self, *args: object, workflows: list[tuple[str, str]], **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # passed on as they came
        if workflows:
            self.fields["workflow"] = forms.ChoiceField(choices=workflows, label="Workflow")
        else:
            self.fields[
                "workflow"
            ].help_text = (
                "The host names no workflow. Give a file such as ci.yml where it needs one."
            )


class ScheduleForm(forms.Form):
    """When to start what."""

    name = forms.CharField(max_length=100, label="Name")
    cron_expression = forms.CharField(
        max_length=100, label="Times (cron)",
        widget=forms.TextInput({"class": "mono", "placeholder": "0 3 * * 1-5"}),
        help_text="Minute, hour, day of month, month, day of week; or @hourly, @daily, @weekly.",
    )  # fmt: skip
    timezone = forms.ChoiceField(
        choices=lambda: [
            (zone, zone) for zone in ("UTC", *sorted(available_timezones() - {"UTC"}))
        ],
        initial="UTC", label="Time zone",
    )  # fmt: skip
    ref = forms.CharField(
        max_length=255, required=False, label="Branch or tag",
        widget=forms.TextInput({"class": "mono"}),
        help_text="Empty: the repository's default branch.",
    )  # fmt: skip
    workflow_file = forms.CharField(
        max_length=255, required=False, label="Workflow file",
        widget=forms.TextInput({"class": "mono", "placeholder": "ci.yml"}),
        help_text="GitHub and Gitea need one; GitLab and Bitbucket start the branch's pipeline.",
    )  # fmt: skip
    inputs = PairsField(label="Inputs", help_text="One name=value per line.")
    description = forms.CharField(
        max_length=2000, required=False, label="Description", widget=forms.Textarea({"rows": 2})
    )


class NewScheduleForm(ScheduleForm):
    """When to start what where."""

    repository = forms.UUIDField(label="Repository")
    field_order = ["repository", "name"]

    def __init__(self, *args: object, repositories: list[tuple[str, str]], **kw: object) -> None:
        super().__init__(*args, **kw)  # type: ignore[arg-type]  # passed on as they came
        self.fields["repository"].widget = forms.Select(choices=repositories)


class RegistrationForm(forms.Form):
    """Where a new runner is to work."""

    where = forms.ChoiceField(
        choices=[
            (RunnerScope.REPOSITORY, "One repository"),
            (RunnerScope.ORGANIZATION, "An organization or group"),
            (RunnerScope.ENTERPRISE, "The whole host (its administrators only)"),
        ],
        label="Takes jobs of",
    )
    repository = forms.UUIDField(required=False, label="Repository")
    credential = forms.UUIDField(required=False, label="Credential")
    organization = forms.CharField(max_length=255, required=False, label="Organization or group")

    def __init__(
        self,
        *args: object,
        repositories: list[tuple[str, str]],
        credentials: list[tuple[str, str]],
        **kw: object,
    ) -> None:
        super().__init__(*args, **kw)  # type: ignore[arg-type]  # passed on as they came
        self.fields["repository"].widget = forms.Select(choices=[("", "Choose…"), *repositories])
        self.fields["credential"].widget = forms.Select(choices=[("", "Choose…"), *credentials])

    def clean(self) -> dict[str, object]:
        """Each place needs its own fields."""
        values = super().clean() or {}
        where = values.get("where")
        if where == RunnerScope.REPOSITORY:
            self._need("repository", values, "Choose the repository.")
        elif where:
            self._need("credential", values, "Choose the credential that may do this.")
        if where == RunnerScope.ORGANIZATION:
            self._need("organization", values, "Name the organization as its host writes it.")
        return values

    def _need(self, name: str, values: dict[str, object], word: str) -> None:
        if not values.get(name) and name not in self.errors:
            self.add_error(name, word)
