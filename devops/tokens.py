"""Bearer tokens: how one is made, recognised, and found again from its text."""

import hashlib
import secrets

from django.utils import timezone

from devops.choices import TOKEN_PREFIX
from devops.models import ApiToken


def new_token_text() -> str:
    """A fresh token with 256 bits of chance."""
    return TOKEN_PREFIX + secrets.token_urlsafe(32)


def digest(text: str) -> str:
    """What we keep of a token; it has too much chance in it to be guessed, so no salt is needed."""
    return hashlib.sha256(text.encode()).hexdigest()


def find_token(text: str) -> ApiToken | None:
    """The live token of this text: not revoked, not expired, its owner active."""
    if not text.startswith(TOKEN_PREFIX) or len(text) > 100:
        return None
    token = (
        ApiToken.objects.select_related("user", "account")
        .filter(digest=digest(text), revoked_at=None, user__is_active=True, account__is_active=True)
        .first()
    )
    if token is None or (token.expires_at and token.expires_at <= timezone.now()):
        return None
    return token
