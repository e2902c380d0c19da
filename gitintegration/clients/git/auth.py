"""How git proves who we are; the proof stands in no argument list and in no lasting file.

Source: git-config(1) `http.<url>.extraHeader`, `GIT_CONFIG_COUNT`; ssh(1).
"""

import base64
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

# Who a token belongs to, as each kind of host wants it said with the token as the password.
TOKEN_USERS = {
    "github": "x-access-token",
    "gitlab": "oauth2",
    "gitea": "oauth2",
    "bitbucket": "x-token-auth",
}


@dataclass(frozen=True, slots=True)
class GitAuth:
    """The proof for one repository; its secrets are not shown.

    Attributes:
        url: the clone URL that it is for; nothing is sent elsewhere.
    """

    url: str
    user: str = ""
    password: str = field(default="", repr=False)
    private_key: str = field(default="", repr=False)

    @contextmanager
    def environment(self) -> Iterator[dict[str, str]]:
        """What git finds in its environment while it talks to the remote."""
        if self.private_key:
            with _key_file(self.private_key) as path:
                options = "-o BatchMode=yes -o StrictHostKeyChecking=accept-new"
                yield {"GIT_SSH_COMMAND": f"ssh {options} -o IdentitiesOnly=yes -i {path}"}
            return
        parts = urlsplit(self.url)
        if not self.password or parts.scheme not in {"https", "http"}:
            yield {}
            return
        pair = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        yield {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"http.{parts.scheme}://{parts.netloc}/.extraHeader",
            "GIT_CONFIG_VALUE_0": f"Authorization: Basic {pair}",
        }

    def hide(self, text: str) -> str:
        """What git said, without our secret."""
        return text.replace(self.password, "***") if self.password else text


NOBODY = GitAuth("")


@contextmanager
def _key_file(key: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="powernode-key-") as folder:
        path = Path(folder) / "key"
        path.touch(mode=0o600)
        path.write_text(key.rstrip("\n") + "\n")
        yield path
