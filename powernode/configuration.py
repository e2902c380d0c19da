"""Every setting that an operator can give, typed, with its default; read from the environment."""

import base64
import binascii
import json
import secrets
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

ROOT = Path(__file__).resolve().parent.parent


class Configuration(BaseSettings):
    """The `POWERNODE_*` variables; `.env.example` explains each."""

    model_config = SettingsConfigDict(env_prefix="POWERNODE_", env_file=".env", extra="ignore")

    profile: Literal["embedded", "production"] = "embedded"
    role: Literal["all", "worker"] = "all"
    var: Path = ROOT / "var"
    site_url: str = "http://127.0.0.1:8000"
    allowed_hosts: Annotated[list[str], NoDecode] = ["127.0.0.1", "localhost", "[::1]"]
    database_url: str = ""
    database_pool_size: int = Field(default=8, ge=1, le=200)
    redis_url: str = ""
    secret_key: str = ""
    encryption_keys: Annotated[dict[str, bytes], NoDecode] = {}
    email_url: str = ""
    email_from: str = "powernode@localhost"
    executors: Annotated[list[Literal["process", "docker"]], NoDecode] = ["process", "docker"]
    docker_host: str = Field(default="", pattern=r"^(unix:///[^\s]+|https?://[^\s/]+)?$")
    container_memory_mb: int = Field(default=2048, ge=16, le=1024 * 1024)
    container_cpu_millicores: int = Field(default=2000, ge=10, le=1_000_000)
    container_pids: int = Field(default=1024, ge=8, le=1_000_000)
    container_log_bytes: int = Field(default=1024**3, ge=1024**2, le=8 * 1024**3)
    container_init: bool = True
    engine_silence_seconds: float = Field(default=60, ge=0.1, le=3600)
    sandbox: Literal["auto", "bwrap", "none"] = "auto"
    sandbox_readonly: Annotated[list[str], NoDecode] = []
    egress_allow: Annotated[list[str], NoDecode] = []
    git_local_roots: Annotated[list[str], NoDecode] = []
    log_cap_bytes: int = Field(default=64 * 1024 * 1024, ge=1024 * 1024)
    log_backend: Literal["files", "rows"] = "files"
    repository_limit: int = Field(default=10_000, ge=0)
    artifact_max_bytes: int = Field(default=1024**3, ge=1024)
    artifact_total_bytes: int = Field(default=0, ge=0)
    worker_capacity: int = Field(default=32, ge=1, le=1000)
    worker_labels: Annotated[list[str], NoDecode] = []
    lease_seconds: float = Field(default=15, ge=2, le=600)
    heartbeat_seconds: float = Field(default=5, ge=0.2, le=60)
    run_retention_days: int = Field(default=365, ge=0)
    log_retention_days: int = Field(default=90, ge=1)
    test_retention_days: int = Field(default=90, ge=1)
    outbox_retention_days: int = Field(default=7, ge=1)
    workspace_retention_days: int = Field(default=7, ge=0)
    workspace_max_bytes: int = Field(default=10 * 1024**3, ge=0)
    cache_max_bytes: int = Field(default=1024**3, ge=1024)
    cache_total_bytes: int = Field(default=10 * 1024**3, ge=0)
    cache_retention_days: int = Field(default=14, ge=0)
    snapshot_max_bytes: int = Field(default=512 * 1024**2, ge=0)
    signup: Literal["open", "invitation"] = "invitation"
    debug: bool = False
    failpoints: str = ""
    ready_file: str = ""

    @field_validator(
        "allowed_hosts",
        "executors",
        "sandbox_readonly",
        "egress_allow",
        "git_local_roots",
        "worker_labels",
        mode="before",
    )
    @classmethod
    def _split(cls, value: Any) -> Any:
        if isinstance(value, str):
            return [part.strip() for part in value.split(",") if part.strip()]
        return value

    @field_validator("encryption_keys", mode="before")
    @classmethod
    def _decode_keys(cls, value: Any) -> Any:
        """`id:base64,id:base64`; the first is used for writing."""
        if not isinstance(value, str):
            return value
        keys: dict[str, bytes] = {}
        for part in filter(None, (piece.strip() for piece in value.split(","))):
            name, _, encoded = part.partition(":")
            try:
                key = base64.b64decode(encoded, validate=True)
            except binascii.Error as error:
                message = f"POWERNODE_ENCRYPTION_KEYS: key {name!r} is not base64"
                raise ValueError(message) from error
            if len(key) != 32:
                message = f"POWERNODE_ENCRYPTION_KEYS: key {name!r} has {len(key)} bytes, not 32"
                raise ValueError(message)
            keys[name] = key
        return keys


def load_keys(configuration: Configuration) -> Configuration:
    """Fill in the secret key and the encryption keys of an embedded installation.

    They are made once and kept in `var/keys.json`, readable by its owner alone. Production
    refuses to start without keys of its own.

    Raises:
        ValueError: production without `POWERNODE_SECRET_KEY` or `POWERNODE_ENCRYPTION_KEYS`.
    """
    if configuration.secret_key and configuration.encryption_keys:
        return configuration
    if configuration.profile == "production":
        message = (
            "POWERNODE_SECRET_KEY and POWERNODE_ENCRYPTION_KEYS must be set in production; "
            "`powernode doctor --new-keys` prints a fresh pair."
        )
        raise ValueError(message)
    path = configuration.var / "keys.json"
    if not path.exists():
        configuration.var.mkdir(parents=True, exist_ok=True)
        fresh = {
            "secret_key": secrets.token_urlsafe(48),
            "encryption_keys": {"k1": base64.b64encode(secrets.token_bytes(32)).decode()},
        }
        temporary = path.with_suffix(f".{secrets.token_hex(4)}")
        temporary.touch(mode=0o600)
        temporary.write_text(json.dumps(fresh))
        try:
            # A hard link fails when another process was first: its keys are then the ones.
            path.hardlink_to(temporary)
        except FileExistsError:
            pass
        finally:
            temporary.unlink()
    stored = json.loads(path.read_text())
    return configuration.model_copy(
        update={
            "secret_key": configuration.secret_key or stored["secret_key"],
            "encryption_keys": configuration.encryption_keys
            or {name: base64.b64decode(key) for name, key in stored["encryption_keys"].items()},
        }
    )


def database_settings(configuration: Configuration) -> dict[str, Any]:
    """Django's `DATABASES["default"]` for the configured URL; SQLite under `var/` when empty."""
    from urllib.parse import parse_qsl, unquote, urlsplit  # noqa: PLC0415

    url = configuration.database_url
    if not url or url.startswith("sqlite:"):
        path = (
            url.removeprefix("sqlite:///") if url else str(configuration.var / "powernode.sqlite3")
        )
        return {
            "ENGINE": "devops.sqlite3",
            "NAME": path,
            "CONN_MAX_AGE": None,
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                "init_command": (
                    "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
                    "PRAGMA mmap_size=134217728;"
                    "PRAGMA journal_size_limit=27103364; PRAGMA cache_size=2000"
                ),
            },
        }
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"}:
        message = f"POWERNODE_DATABASE_URL: not postgresql:// or sqlite:///: {parts.scheme!r}"
        raise ValueError(message)
    query = dict(parse_qsl(parts.query))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": query.pop("host", parts.hostname or ""),
        "PORT": query.pop("port", str(parts.port or "")),
        "CONN_MAX_AGE": 0,
        "OPTIONS": {
            "pool": {"min_size": 1, "max_size": configuration.database_pool_size, "timeout": 30},
            **query,
        },
    }


def redis_settings(configuration: Configuration) -> dict[str, str]:
    """The three URLs of the one Redis: broker, channel layer, cache.

    Without `POWERNODE_REDIS_URL` they point at the socket of the embedded server.
    """
    if configuration.redis_url == "none":
        # One process alone, as `powernode run FILE` is: nobody else to wake or to hint.
        return {"broker": "memory://none", "layer": "", "cache": ""}
    if configuration.redis_url:
        base = configuration.redis_url.rstrip("/")
        if base.startswith("unix://"):
            path = base.removeprefix("unix://").partition("?")[0]
            return _socket_urls(path)
        return {"broker": f"{base}/0", "layer": f"{base}/1", "cache": f"{base}/2"}
    return _socket_urls(str(socket_path(configuration)))


def _socket_urls(path: str) -> dict[str, str]:
    return {
        "broker": f"redis+socket://{path}?virtual_host=0",
        "layer": f"unix://{path}?db=1",
        "cache": f"unix://{path}?db=2",
    }


def socket_path(configuration: Configuration) -> Path:
    """Where the embedded broker listens; short, because a socket path holds 107 bytes."""
    path = configuration.var / "run" / "redis.sock"
    if len(str(path)) < 100:
        return path
    import hashlib  # noqa: PLC0415
    import tempfile  # noqa: PLC0415

    digest = hashlib.sha256(str(configuration.var).encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"powernode-{digest}" / "redis.sock"
