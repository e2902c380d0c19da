"""The forms by which hosts are connected; the rules are the operations'."""

from collections.abc import Mapping
from typing import Any

from django import forms

from devops.errors import DomainError
from devops.pages.conflicts import RowForm
from gitintegration.choices import AuthType, BranchFilterType, ProviderType

# Where a secret's part stands in a form, by what the operation calls it.
_FIELDS = {"access_token": "token", "redirect_uri": ""}


def _secret_input() -> forms.PasswordInput:
    attributes = {"autocomplete": "new-password", "spellcheck": "false"}
    return forms.PasswordInput(attrs=attributes)


def _key_input() -> forms.Textarea:
    attributes = {"rows": 6, "class": "mono", "autocomplete": "off", "spellcheck": "false"}
    return forms.Textarea(attrs=attributes)


class AddressForm(forms.Form):
    """Where a host is."""

    name = forms.CharField(max_length=100, label="Name", help_text="As people here call it.")
    web_base_url = forms.CharField(
        max_length=500, label="Address", required=False,
        help_text="As in the browser's address bar, for example https://git.example.com.",
        widget=forms.TextInput(attrs={"inputmode": "url", "autocomplete": "off"}),
    )  # fmt: skip
    api_base_url = forms.CharField(
        max_length=500, label="API address", required=False,
        help_text="Only where the API is not at its usual place below the address.",
        widget=forms.TextInput(attrs={"inputmode": "url", "autocomplete": "off"}),
    )  # fmt: skip


class HostForm(AddressForm, RowForm):
    """What can be changed of a host."""

    description = forms.CharField(
        max_length=10_000, required=False, label="Description",
        widget=forms.Textarea(attrs={"rows": 2}),
    )  # fmt: skip
    is_active = forms.BooleanField(
        required=False, label="In use", help_text="Off: nothing here speaks to it."
    )
    supports_webhooks = forms.BooleanField(
        required=False, label="Webhooks", help_text="It can reach this installation."
    )
    supports_devops = forms.BooleanField(
        required=False, label="CI/CD", help_text="Its own workflow runs and runners are mirrored."
    )


class OAuthForm(forms.Form):
    """The application that was registered at the host."""

    client_id = forms.CharField(max_length=300, label="Client id")
    client_secret = forms.CharField(
        max_length=1000, required=False, label="Client secret", widget=_secret_input(),
        help_text="Stored encrypted and never shown. Empty keeps the stored one.",
    )  # fmt: skip


class TokenForm(forms.Form):
    """A personal token."""

    name = forms.CharField(
        max_length=255, required=False, label="Name", help_text="What it is for."
    )
    token = forms.CharField(
        max_length=4000, label="Token", widget=_secret_input(),
        help_text="Stored encrypted and never shown again.",
    )  # fmt: skip
    expires_at = forms.DateTimeField(
        required=False, label="Ends",
        help_text="The day that you chose at the host: you are warned a week before.",
        widget=forms.DateInput(attrs={"type": "date"}),
    )  # fmt: skip

    def secret(self) -> dict[str, str]:
        """What is kept encrypted; empty when nothing was typed."""
        given = self.cleaned_data
        names = {"token": "access_token", "username": "username"}
        return {key: given[field] for field, key in names.items() if given.get(field)}


class BitbucketTokenForm(TokenForm):
    """A token, and whose it is where it is one of a person."""

    username = forms.CharField(
        max_length=255, required=False, label="E-mail address",
        help_text="Only for an API token of a person; access tokens of a repository or workspace "
        "have none.",
    )  # fmt: skip
    field_order = ("name", "username", "token", "expires_at")


class AppForm(forms.Form):
    """An installation of a GitHub App."""

    name = forms.CharField(max_length=255, required=False, label="Name")
    app_id = forms.CharField(max_length=40, label="App id")
    installation_id = forms.CharField(
        max_length=40, label="Installation id",
        help_text="The number at the end of the address of the installation's settings.",
    )  # fmt: skip
    private_key = forms.CharField(
        max_length=20_000, label="Private key", widget=_key_input(),
        help_text="The .pem file that GitHub gave you. Stored encrypted, never shown again.",
    )  # fmt: skip

    def secret(self) -> dict[str, str]:
        """What is kept encrypted."""
        names = ("app_id", "installation_id", "private_key")
        found = {name: self.cleaned_data.get(name, "") for name in names}
        return found if all(found.values()) else {}


class KeyForm(forms.Form):
    """An SSH key: for git alone."""

    name = forms.CharField(max_length=255, required=False, label="Name")
    private_key = forms.CharField(
        max_length=20_000, label="Private key", widget=_key_input(),
        help_text="In OpenSSH or PEM form, without a passphrase. Stored encrypted, never shown "
        "again.",
    )  # fmt: skip

    def secret(self) -> dict[str, str]:
        """What is kept encrypted."""
        key = self.cleaned_data.get("private_key", "")
        return {"private_key": key.replace("\r\n", "\n").strip() + "\n"} if key else {}


SecretForm = TokenForm | AppForm | KeyForm


def secret_form(
    auth_type: str, provider_type: str, data: Mapping[str, Any] | None = None
) -> SecretForm:
    """The form of a kind of credential."""
    if auth_type == AuthType.GITHUB_APP:
        return AppForm(data)
    if auth_type == AuthType.SSH_KEY:
        return KeyForm(data)
    return (BitbucketTokenForm if provider_type == ProviderType.BITBUCKET else TokenForm)(data)


def edit_form(
    auth_type: str, provider_type: str, data: Mapping[str, Any] | None, initial: dict[str, Any]
) -> SecretForm:
    """The same for a stored one: an empty secret keeps the stored one."""
    form = secret_form(auth_type, provider_type, data)
    form.initial = initial
    if auth_type == AuthType.OAUTH:
        # The host gives these tokens; nobody types them.
        del form.fields["token"]
        del form.fields["expires_at"]
        form.fields.pop("username", None)
    for name in ("token", "app_id", "installation_id", "private_key"):
        if name in form.fields:
            form.fields[name].required = False
            form.fields[name].help_text = "Empty keeps the stored one."
    form.fields["name"].required = True
    form.fields["is_active"] = forms.BooleanField(
        required=False, label="In use", help_text="Off: nothing speaks to the host with it."
    )
    return form


class BranchFilterForm(forms.Form):
    """Which branches' events start anything."""

    branch_filter_type = forms.ChoiceField(
        label="Branches",
        choices=[
            (BranchFilterType.NONE.value, "Every branch"),
            (BranchFilterType.EXACT.value, "One branch by name"),
            (BranchFilterType.WILDCARD.value, "Wildcard"),
            (BranchFilterType.REGEX.value, "Regular expression"),
        ],
    )
    branch_filter = forms.CharField(
        max_length=500, required=False, label="Pattern",
        widget=forms.TextInput(attrs={"class": "mono", "autocomplete": "off"}),
    )  # fmt: skip


def place_errors(form: forms.Form, error: DomainError) -> None:
    """Put each of an operation's problems beside its field, the rest on top."""
    for problem in error.errors:
        last = problem.pointer.rstrip("/").rpartition("/")[2]
        name = _FIELDS.get(last, last)
        words = f"{problem.detail} {error.remedy}".strip()
        form.add_error(name if name in form.fields else None, words)
    if not error.errors:
        form.add_error(None, f"{error.detail} {error.remedy}".strip())
