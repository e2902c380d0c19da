"""OAuth 2.0 with the hosts: authorisation addresses, codes for tokens, renewal; PKCE always.

Sources: RFC 6749 §4.1 and §6, RFC 7636; the hosts' OAuth pages.
"""

import base64
import hashlib
import secrets
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from devops.safety.json_values import DocumentError, load_json
from gitintegration.choices import ProviderType
from gitintegration.clients.errors import AuthenticationFailed, HostUnavailable
from gitintegration.clients.exchange import Exchange, Reply

_MAX_ANSWER_BYTES = 64 * 1024
_AUTHORIZE_PATHS = {
    ProviderType.GITHUB: "/login/oauth/authorize",
    ProviderType.GITLAB: "/oauth/authorize",
    ProviderType.GITEA: "/login/oauth/authorize",
    ProviderType.BITBUCKET: "/site/oauth2/authorize",
}
_TOKEN_PATHS = {
    ProviderType.GITHUB: "/login/oauth/access_token",
    ProviderType.GITLAB: "/oauth/token",
    ProviderType.GITEA: "/login/oauth/access_token",
    ProviderType.BITBUCKET: "/site/oauth2/access_token",
}


@dataclass(frozen=True, slots=True)
class OAuthClient:
    """The application as a host knows it.

    Attributes:
        web_url: the host's address for people; the paths below it are the host's own.
        authorization_url, token_url: instead of those paths, where they are not empty.
    """

    provider_type: str
    host: str
    web_url: str
    client_id: str
    client_secret: str
    authorization_url: str = ""
    token_url: str = ""

    def authorization(self, redirect_uri: str, state: str, verifier: str, scopes: str) -> str:
        """Where to send the person."""
        base = self.authorization_url or self.web_url + _AUTHORIZE_PATHS[self._kind]
        query = {
            "client_id": self.client_id,
            "redirect_uri": redirect_uri,
            "response_type": "code",
            "state": state,
            "scope": scopes,
            "code_challenge": challenge(verifier),
            "code_challenge_method": "S256",
        }
        if self.provider_type == ProviderType.GITHUB:
            query["allow_signup"] = "false"
        return f"{base}?{urlencode(query)}"

    def exchange(self, code: str, redirect_uri: str, verifier: str) -> dict[str, Any]:
        """Tokens for a code.

        Raises:
            HostError: the host refuses or does not answer.
        """
        return self._tokens(
            {
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": redirect_uri,
                "code_verifier": verifier,
            }
        )

    def refresh(self, refresh_token: str) -> dict[str, Any]:
        """New tokens for a renewal token.

        Raises:
            HostError: the host refuses or does not answer.
        """
        return self._tokens({"grant_type": "refresh_token", "refresh_token": refresh_token})

    @property
    def _kind(self) -> ProviderType:
        return ProviderType(self.provider_type)

    def _tokens(self, fields: dict[str, str]) -> dict[str, Any]:
        # Imported here: the client's libraries would cost every process 20 MB.
        from devops.safety.egress import request  # noqa: PLC0415

        url = self.token_url or self.web_url + _TOKEN_PATHS[self._kind]
        basic = base64.b64encode(f"{self.client_id}:{self.client_secret}".encode()).decode()
        headers = {
            "Accept": "application/json",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        if self.provider_type == ProviderType.BITBUCKET:
            headers["Authorization"] = f"Basic {basic}"
        else:
            fields = {
                **fields, "client_id": self.client_id, "client_secret": self.client_secret,
            }  # fmt: skip
        body = urlencode(fields).encode()

        def send(more: Any) -> Reply:
            answer = request(
                "POST", url, headers={**headers, **more}, body=body, max_bytes=_MAX_ANSWER_BYTES
            )
            lowered = {name.lower(): value for name, value in answer.headers.items()}
            return Reply(answer.status, lowered, answer.body)

        exchange = Exchange(self.host, url, f"oauth:{self.client_id}")
        reply = exchange.call("POST", url, send, wants_json=False)
        return self._read(reply)

    def _read(self, reply: Reply) -> dict[str, Any]:
        """JSON, or the form encoding that GitHub uses without being asked for JSON."""
        try:
            found = load_json(reply.body, max_bytes=_MAX_ANSWER_BYTES)
        except DocumentError:
            found = dict(parse_qsl(reply.body.decode(errors="replace")))
        if not isinstance(found, dict) or not isinstance(found.get("access_token"), str):
            words = found.get("error_description") or found.get("error") if found else None
            if words:
                # GitHub answers 200 to a refusal.
                raise AuthenticationFailed(self.host, f"refused the code: {str(words)[:300]}")
            raise HostUnavailable(self.host, "its token endpoint gave no access token.")
        return found


def new_verifier() -> str:
    """A PKCE verifier of 256 bits."""
    return secrets.token_urlsafe(32)


def challenge(verifier: str) -> str:
    """The S256 challenge of a verifier."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def granted_scopes(tokens: dict[str, Any]) -> list[str]:
    """The scopes that came with tokens; hosts separate them by commas or spaces."""
    text = str(tokens.get("scope") or tokens.get("scopes") or "")
    return [word for word in text.replace(",", " ").split() if word]
