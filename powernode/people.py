"""How people sign up: by invitation unless the operator opens the door."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.http import HttpRequest

from devops.models import User
from devops.signup import open_account


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # untyped base
    """django-allauth's questions, answered from our settings."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Open to all, or to those who came with an invitation."""
        return settings.POWERNODE_SIGNUP == "open" or "invitation_token" in request.session

    def save_user(self, request: HttpRequest, user: User, form: Any, **options: Any) -> User:
        """Keep the person; whoever came without an invitation gets an account of their own."""
        saved: User = super().save_user(request, user, form, **options)
        if "invitation_token" not in request.session:
            open_account(saved)
        return saved
