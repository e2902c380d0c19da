import base64
import json
import re
import stat
from pathlib import Path

import pytest
from pydantic import ValidationError

from powernode.configuration import (
    ROOT,
    Configuration,
    database_settings,
    load_keys,
    redis_settings,
    socket_path,
)

EXAMPLE = ROOT / ".env.example"
LINE = re.compile(r"^#(POWERNODE_[A-Z_]+)=(.*)$")


def example() -> dict[str, str]:
    found = (LINE.match(line) for line in EXAMPLE.read_text().splitlines())
    return {match[1]: match[2] for match in found if match}


def bare(tmp_path: Path, **values: object) -> Configuration:
    """A configuration without the environment's words for the data folder."""
    return Configuration(_env_file=None, var=tmp_path, **values)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in example():
        monkeypatch.delenv(name, raising=False)


def test_the_example_explains_every_variable_and_no_other() -> None:
    assert set(example()) == {f"POWERNODE_{name.upper()}" for name in Configuration.model_fields}


def test_every_variable_of_the_example_has_its_line_of_explanation() -> None:
    lines = EXAMPLE.read_text().splitlines()
    for number, line in enumerate(lines):
        if LINE.match(line):
            assert re.match(r"# \S.{15,}", lines[number - 1]), line
            assert len(lines[number - 1]) <= 105, line


def test_the_values_of_the_example_are_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = Configuration(_env_file=None)
    for name, value in example().items():
        if value:
            monkeypatch.setenv(name, value)
    assert Configuration(_env_file=None) == plain


def test_lists_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POWERNODE_WORKER_LABELS", " linux, gpu ,,")
    assert Configuration(_env_file=None).worker_labels == ["linux", "gpu"]


@pytest.mark.parametrize("value", ["k1:!!", "k1:" + base64.b64encode(b"short").decode()])
def test_a_malformed_encryption_key_is_named(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("POWERNODE_ENCRYPTION_KEYS", value)
    with pytest.raises(ValidationError, match="POWERNODE_ENCRYPTION_KEYS: key 'k1'"):
        Configuration(_env_file=None)


def test_embedded_keys_are_made_once_and_readable_by_their_owner_alone(tmp_path: Path) -> None:
    first = load_keys(bare(tmp_path))
    again = load_keys(bare(tmp_path))
    assert first.secret_key == again.secret_key
    assert first.encryption_keys == again.encryption_keys
    assert {len(key) for key in first.encryption_keys.values()} == {32}
    assert stat.S_IMODE((tmp_path / "keys.json").stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [tmp_path / "keys.json"]


def test_keys_of_the_environment_win_over_kept_ones(tmp_path: Path) -> None:
    load_keys(bare(tmp_path))
    given = load_keys(bare(tmp_path, secret_key="from outside"))
    kept = json.loads((tmp_path / "keys.json").read_text())
    assert given.secret_key == "from outside"
    assert given.secret_key != kept["secret_key"]
    assert list(given.encryption_keys) == list(kept["encryption_keys"])


def test_production_refuses_to_start_without_keys(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="doctor --new-keys"):
        load_keys(bare(tmp_path, profile="production"))
    assert not (tmp_path / "keys.json").exists()


def test_the_database_is_a_file_of_the_data_folder_unless_named(tmp_path: Path) -> None:
    plain = database_settings(bare(tmp_path))
    named = database_settings(bare(tmp_path, database_url="sqlite:////srv/other.sqlite3"))
    assert plain["NAME"] == str(tmp_path / "powernode.sqlite3")
    assert named["NAME"] == "/srv/other.sqlite3"


def test_a_database_url_is_taken_apart(tmp_path: Path) -> None:
    url = "postgresql://us%40er:p%2Fw@db.example:5433/power?sslmode=require"
    found = database_settings(bare(tmp_path, database_url=url))
    assert (found["USER"], found["PASSWORD"], found["HOST"], found["PORT"], found["NAME"]) == (
        "us@er", "p/w", "db.example", "5433", "power",
    )  # fmt: skip
    assert found["OPTIONS"]["sslmode"] == "require"


def test_an_unknown_kind_of_database_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'mysql'"):
        database_settings(bare(tmp_path, database_url="mysql://x/y"))


def test_one_redis_serves_broker_sockets_and_cache_from_separate_databases(tmp_path: Path) -> None:
    urls = redis_settings(bare(tmp_path, redis_url="redis://r.example:6379/"))
    assert urls == {
        "broker": "redis://r.example:6379/0",
        "layer": "redis://r.example:6379/1",
        "cache": "redis://r.example:6379/2",
    }


def test_a_deep_data_folder_gets_a_socket_path_that_fits_into_the_kernels_limit(
    tmp_path: Path,
) -> None:
    deep = tmp_path / ("x" * 100)
    assert len(str(socket_path(bare(deep)))) < 100
    assert socket_path(bare(Path("/v"))) == Path("/v/run/redis.sock")
