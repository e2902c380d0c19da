"""How people sign up: by invitation unless the operator opens the door."""

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.http import HttpRequest


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # untyped base
    """django-allauth's questions, answered from our settings."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Open to all, or to those who came with an invitation."""
        return settings.POWERNODE_SIGNUP == "open" or "invitation_token" in request.session
