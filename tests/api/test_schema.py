from pathlib import Path

import pytest
from django.core.management import call_command

from tests.client import ApiClient

COMMITTED = Path(__file__).parents[2] / "docs" / "openapi.yaml"


def test_the_committed_reference_is_what_the_code_says(tmp_path: Path) -> None:
    fresh = tmp_path / "openapi.yaml"
    call_command("spectacular", file=str(fresh), fail_on_warn=True)
    assert fresh.read_text() == COMMITTED.read_text(), (
        "Run `manage.py spectacular --file docs/openapi.yaml` and look at the difference."
    )


@pytest.mark.django_db
def test_the_reference_is_served_to_those_with_a_name(alice: ApiClient) -> None:
    schema = alice.get("schema", accept="application/vnd.oai.openapi+json").ok()
    assert schema["openapi"].startswith("3.1")
    alice.token = ""
    alice.get("schema").problem(401)


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/api/docs", "/api/docs/redoc"])
def test_the_viewers_run_only_what_carries_the_nonce(alice: ApiClient, path: str) -> None:
    answer = alice.get(path)
    policy = answer.headers["Content-Security-Policy"]
    nonce = policy.partition("'nonce-")[2].partition("'")[0]
    text = answer.content.decode()
    assert len(nonce) > 15
    assert text.count("<script") == text.count(f'<script nonce="{nonce}"') > 0
    assert "script-src 'nonce-" in policy
    assert "http" not in policy
