"""What every test may count on: a database file, no broker, three people in two accounts."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.client import ApiClient


def pytest_configure(config: pytest.Config) -> None:
    """Point everything that would reach outside at memory or a folder of this session."""
    if "DJANGO_SETTINGS_MODULE" not in os.environ:
        return
    from django.conf import settings  # noqa: PLC0415

    folder = Path(tempfile.mkdtemp(prefix="powernode-tests-"))
    config.stash[_FOLDER] = folder
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
    settings.CELERY_BROKER_URL = "memory://"
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    # Each test client builds the middleware anew; it must not read all assets each time.
    settings.WHITENOISE_USE_FINDERS = False
    settings.STATIC_ROOT = folder / "static"
    settings.STATIC_ROOT.mkdir()
    for name, place in (
        ("POWERNODE_VAR", "."),
        ("POWERNODE_BLOB_ROOT", "blobs"),
        ("POWERNODE_LOG_ROOT", "logs"),
        ("POWERNODE_WORKSPACE_ROOT", "workspaces"),
        ("POWERNODE_GIT_CACHE_ROOT", "git"),
    ):
        setattr(settings, name, folder / place)
    _use_database_file(folder)


_FOLDER = pytest.StashKey[Path]()


def _use_database_file(folder: Path) -> None:
    """SQLite's memory databases know no second connection; tests of races need one."""
    from django.db import connections  # noqa: PLC0415

    for alias, database in connections.settings.items():
        if database["ENGINE"].endswith("sqlite3"):
            database.setdefault("TEST", {})["NAME"] = str(folder / f"{alias}.sqlite3")


@pytest.fixture(autouse=True)
def _empty_cache(request: pytest.FixtureRequest) -> Iterator[None]:
    """What one test counted must not throttle the next."""
    yield
    if "db" in request.fixturenames or "transactional_db" in request.fixturenames:
        from django.core.cache import cache  # noqa: PLC0415

        cache.clear()


@pytest.fixture
def alice(db: None) -> ApiClient:
    """Alice owns an account."""
    from tests.factories.devops import client_for  # noqa: PLC0415

    return client_for("alice", role="owner")


@pytest.fixture
def bob(alice: ApiClient) -> ApiClient:
    """Bob is a developer in Alice's account."""
    from tests.factories.devops import client_for  # noqa: PLC0415

    return client_for("bob", role="developer", account=alice.account)


@pytest.fixture
def vera(alice: ApiClient) -> ApiClient:
    """Vera may only look at Alice's account."""
    from tests.factories.devops import client_for  # noqa: PLC0415

    return client_for("vera", role="viewer", account=alice.account)


@pytest.fixture
def charlie(db: None) -> ApiClient:
    """Charlie owns another account and has nothing to do with Alice."""
    from tests.factories.devops import client_for  # noqa: PLC0415

    return client_for("charlie", role="owner")
