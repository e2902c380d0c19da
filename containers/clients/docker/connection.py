"""How an Engine is reached: its unix socket, or TCP with the platform's rules for addresses."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from docker.api.client import APIClient
from docker.auth import AuthConfig
from docker.tls import TLSConfig

from devops.safety.addresses import default_policy
from devops.safety.egress import PinnedAdapter

_FILES = {"ca_cert": "ca.pem", "client_cert": "cert.pem", "client_key": "key.pem"}


class _Client(APIClient):
    """The library's client without the environment, the machine's logins and other addresses."""

    def _retrieve_server_version(self) -> Any:
        # The first call of all; what it goes through is what every later one goes through.
        self.trust_env = False
        # The machine's own logins belong to whoever runs the platform.
        self._auth_configs = AuthConfig({})
        self.max_redirects = 0
        if not self.base_url.startswith("http+docker"):
            for scheme in ("http://", "https://"):
                self.mount(scheme, PinnedAdapter(default_policy()))
        try:
            return super()._retrieve_server_version()  # type: ignore[misc]  # the stubs lack it
        except BaseException:
            self.close()
            raise


def connect(url: str, tls: Mapping[str, str], folder: Path, seconds: int, *, verify: bool) -> Any:
    """A client that speaks the newest version of the API that the Engine knows.

    `folder` holds the certificates while the client lives.
    """
    paths: dict[str, str] = {}
    for name, file_name in _FILES.items():
        if tls.get(name):
            path = folder / file_name
            path.touch(mode=0o600)
            path.write_text(tls[name])
            paths[name] = str(path)
    is_tls = url.startswith("https://")
    pair = (paths["client_cert"], paths["client_key"]) if "client_cert" in paths else None
    config = (
        TLSConfig(client_cert=pair, ca_cert=paths.get("ca_cert"), verify=verify)
        if is_tls
        else False
    )
    return _Client(base_url=url, version="auto", timeout=seconds, tls=config, max_pool_size=4)
