"""The overview as a resource: counts and alerts of one's own account, as far as one may read."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from devops.choices import READ
from devops.models import Account
from gitintegration.models import GitProviderCredential
from pipelines.models import Worker
from powernode.diagnosis import DISK_FAIL, DISK_WARN
from powernode.overview.alerts import Alert, Level, by_severity
from powernode.overview.infrastructure import of_disk
from tests.client import ApiClient
from tests.factories.containers import DockerHostFactory, InstanceFactory
from tests.factories.devops import AiCallFactory, AiConfigFactory, DeliveryFactory, token_for
from tests.factories.gitintegration import (
    AccountWebhookFactory,
    CredentialFactory,
    GitProviderFactory,
    GitRunnerFactory,
    WebhookEventFactory,
)
from tests.factories.pipelines import (
    PipelineRepositoryFactory,
    RunFactory,
    ScheduleFactory,
    WorkerFactory,
)
from tests.pages.test_git_ci import signed_in

pytestmark = pytest.mark.django_db
Mend = Callable[[], object]


def set_to(row: Any, **values: object) -> Mend:
    """Changes a row as whoever mends it does."""
    return lambda: type(row).objects.filter(pk=row.pk).update(**values)


def credential(account: Account, **facts: object) -> GitProviderCredential:
    """A credential; what it holds is entered before the facts are set."""
    row = CredentialFactory.create(provider__account=account)
    set_to(row, **facts)()
    return row


def expiring(account: Account) -> Mend:
    row = credential(account, expires_at=timezone.now() + timedelta(days=29))
    return set_to(row, expires_at=timezone.now() + timedelta(days=31))


def unhealthy(account: Account) -> Mend:
    row = credential(account, consecutive_failures=3)
    return set_to(row, consecutive_failures=0)


def expired(account: Account) -> Mend:
    row = credential(account, expires_at=timezone.now())
    return set_to(row, expires_at=None)


def given_up(account: Account) -> Mend:
    row = credential(account, is_active=False, consecutive_failures=5)
    return set_to(row, is_active=True, consecutive_failures=0)


def silent_host(account: Account) -> Mend:
    row = GitProviderFactory.create(account=account, last_error="Timed out.")
    return set_to(row, last_error="")


def absent_runner(account: Account) -> Mend:
    row = GitRunnerFactory.create(credential__provider__account=account, status="offline")
    return set_to(row, status="busy")


def failed_event(account: Account) -> Mend:
    row = WebhookEventFactory.create(account=account, status="failed")
    return set_to(row, status="processed")


def failed_event_to_be_redelivered(account: Account) -> Mend:
    row = WebhookEventFactory.create(account=account, status="failed")
    return lambda: WebhookEventFactory.create(account=account, original=row)


def failed_delivery(account: Account) -> Mend:
    receiver = AccountWebhookFactory.create(account=account)
    row = DeliveryFactory.create(account=account, status="failed", subscription_id=receiver.pk)
    return set_to(row, status="delivered")


def receiver_given_up(account: Account) -> Mend:
    row = AccountWebhookFactory.create(
        account=account, is_active=False, disabled_reason="Ten failures in a row."
    )
    return set_to(row, is_active=True, disabled_reason="")


def lost_container(account: Account) -> Mend:
    row = InstanceFactory.create(account=account, status="failed", error_message="No such image.")
    return set_to(row, status="completed", exit_code=0)


def unreachable_docker(account: Account) -> Mend:
    row = DockerHostFactory.create(account=account, status="error", last_error="Refused.")
    return set_to(row, status="connected")


def no_worker(account: Account) -> Mend:
    WorkerFactory.create(status="offline")
    RunFactory.create(account=account, status="queued", waiting_for="worker")
    return lambda: Worker.objects.update(status="online")


def lonely_run(account: Account) -> Mend:
    worker = WorkerFactory.create(status="online", labels=["linux"])
    made = {"account": account, "status": "queued", "waiting_for": "worker"}
    RunFactory.create(**made, runner_labels=["linux"])
    RunFactory.create(**made, runner_labels=["linux", "gpu"])
    return set_to(worker, labels=["gpu", "linux"])


def late_schedule(account: Account) -> Mend:
    late = timezone.now() - timedelta(minutes=2)
    row = ScheduleFactory.create(pipeline__account=account, next_run_at=late)
    return set_to(row, next_run_at=timezone.now() + timedelta(hours=1))


def spent_budget(account: Account) -> Mend:
    config = AiConfigFactory.create(account=account, monthly_budget_usd=1)
    AiCallFactory.create(config=config)
    return set_to(config, monthly_budget_usd=2)


def nearly_spent_budget(account: Account) -> Mend:
    config = AiConfigFactory.create(account=account, monthly_budget_usd=2)
    AiCallFactory.create(config=config)
    AiCallFactory.create(config=config, state="released", micro_usd=900_000)
    call = AiCallFactory.create(config=config, state="reserved", micro_usd=600_000)
    return set_to(call, state="released")


def failing_branch(account: Account) -> Mend:
    link = PipelineRepositoryFactory.create(pipeline__account=account)
    made = {"account": account, "pipeline": link.pipeline, "repository": link.repository}
    RunFactory.create(**made)
    RunFactory.create(**made, status="failure")
    for change in (
        {"trigger_type": "pull_request"}, {"trust_level": "untrusted"}, {"branch": "feature"},
        {"status": "cancelled"}, {"status": "running"}, {"repository": None},
    ):  # fmt: skip
        RunFactory.create(**{**made, **change})
    return lambda: RunFactory.create(**made)


TROUBLES: list[tuple[str, str, str, Callable[[Account], Mend]]] = [
    ("credentials_expire_soon", "warning", "source_control", expiring),
    ("credentials_unhealthy", "error", "source_control", unhealthy),
    ("credentials_unhealthy", "error", "source_control", expired),
    ("credentials_unhealthy", "error", "source_control", given_up),
    ("git_host_unreachable", "error", "source_control", silent_host),
    ("runners_offline", "warning", "ci_cd", absent_runner),
    ("no_worker", "error", "ci_cd", no_worker),
    ("no_fitting_worker", "warning", "ci_cd", lonely_run),
    ("schedules_late", "warning", "ci_cd", late_schedule),
    ("branch_failing", "error", "ci_cd", failing_branch),
    ("containers_failed", "warning", "infrastructure", lost_container),
    ("docker_host_unreachable", "error", "infrastructure", unreachable_docker),
    ("webhooks_failed", "warning", "connections", failed_event),
    ("webhooks_failed", "warning", "connections", failed_event_to_be_redelivered),
    ("deliveries_failed", "warning", "connections", failed_delivery),
    ("receiver_switched_off", "error", "connections", receiver_given_up),
    ("ai_budget_spent", "error", "connections", spent_budget),
    ("ai_budget_nearly_spent", "warning", "connections", nearly_spent_budget),
]


def overview_of(person: ApiClient, **query: str) -> dict[str, Any]:
    """The resource; without what it says of this machine's own disk."""
    found: dict[str, Any] = person.get("devops/overview", query).ok()
    found["alerts"] = [each for each in found["alerts"] if each["code"] != "disk_nearly_full"]
    return found


@pytest.mark.parametrize(
    ("code", "level", "section", "make"), TROUBLES, ids=[each[3].__name__ for each in TROUBLES]
)
def test_an_alert_tells_of_a_trouble_until_it_is_mended(
    alice: ApiClient, code: str, level: str, section: str, make: Callable[[Account], Mend]
) -> None:
    assert overview_of(alice)["alerts"] == []
    mend = make(alice.account)

    (alert,) = overview_of(alice)["alerts"]

    assert (alert["code"], alert["level"], alert["section"]) == (code, level, section)
    assert alert["url"].startswith("/")
    assert alert["message"]
    assert alert["remedy"].endswith(".")
    mend()
    assert overview_of(alice)["alerts"] == []


def test_every_alert_leads_to_a_page(alice: ApiClient) -> None:
    for *_, make in TROUBLES:
        make(alice.account)
    client = signed_in(alice)
    alerts = overview_of(alice)["alerts"]

    # One worker is online and does not fit: that there is none at all is another trouble.
    assert {each["code"] for each in alerts} == {code for code, *_ in TROUBLES} - {"no_worker"}
    assert [each["level"] for each in alerts] == sorted(each["level"] for each in alerts)
    text = client.get("/").content.decode()
    for url in {each["url"] for each in alerts}:
        assert client.get(url).status_code == 200, url
        assert f'href="{url}"' in text


def test_what_a_person_switched_off_or_renews_itself_is_no_trouble(alice: ApiClient) -> None:
    soon = timezone.now() + timedelta(hours=1)
    account = alice.account
    credential(account, is_active=False)
    credential(account, auth_type="oauth", expires_at=soon)
    GitProviderFactory.create(account=account, is_active=False, last_error="Timed out.")
    AccountWebhookFactory.create(account=account, is_active=False)
    AiConfigFactory.create(account=account, monthly_budget_usd=0)
    DockerHostFactory.create(account=account, status="maintenance")
    InstanceFactory.create(account=account, status="failed", exit_code=1)
    late = timezone.now() - timedelta(hours=1)
    ScheduleFactory.create(pipeline__account=account, is_active=False, next_run_at=late)
    RunFactory.create(account=account, status="pending", waiting_for="trust")

    found = overview_of(alice)

    assert found["alerts"] == []
    assert found["source_control"]["credentials"] == {
        "total": 2, "healthy": 1, "unhealthy": 1, "expires_soon": 0,
    }  # fmt: skip


def test_the_counts_are_those_of_what_is_there(alice: ApiClient) -> None:
    account = alice.account
    for status in ("online", "online", "busy", "offline"):
        GitRunnerFactory.create(credential__provider__account=account, status=status)
    host = DockerHostFactory.create(account=account, status="connected")
    for status in ("running", "completed", "completed", "completed", "failed", "cancelled"):
        InstanceFactory.create(account=account, docker_host=host, status=status, exit_code=0)
    for status in ("processed", "processed", "failed", "pending"):
        WebhookEventFactory.create(account=account, status=status)
    for status in ("success", "success", "failure", "cancelled", "running", "queued"):
        RunFactory.create(account=account, status=status)

    found = overview_of(alice, refresh="true")

    assert found["ci_cd"]["runners"] == {"total": 4, "online": 2, "offline": 1, "busy": 1}
    assert found["infrastructure"] == {
        "containers": {
            "days": 30, "total": 6, "active": 1, "completed": 3, "failed": 1, "finished": 4,
            "success_rate": 75.0,
        },
        "docker": {"hosts": 1, "connected": 1},
    }  # fmt: skip
    assert found["connections"] == {
        "webhooks": {
            "total": 0, "received_today": 4, "processed_today": 2, "failed_today": 1,
        },
        "receivers": {"total": 0, "delivered_today": 0, "failed_today": 0},
        "api_keys": {"total": 1},
    }  # fmt: skip
    assert found["ci_cd"]["pipeline_runs"] == {
        "days": 30, "total": 6, "successful": 2, "failed": 1, "cancelled": 1, "today": 6,
        "running": 1, "queued": 1, "waiting": 0, "success_rate": 66.7,
    }  # fmt: skip


def test_nothing_of_another_account_is_counted_or_told(
    alice: ApiClient, charlie: ApiClient
) -> None:
    before = overview_of(charlie)
    for *_, make in TROUBLES:
        make(alice.account)
    # Workers serve every account.
    Worker.objects.all().delete()

    assert overview_of(charlie) == before
    assert before["alerts"] == []


SECTIONS = {
    "devops.providers.read": ("source_control", "providers"),
    "git.providers.read": ("source_control", "git_hosts"),
    "devops.repositories.read": ("source_control", "repositories"),
    "git.credentials.read": ("source_control", "credentials"),
    "devops.pipelines.read": ("ci_cd", "pipelines"),
    "devops.pipeline_runs.read": ("ci_cd", "pipeline_runs"),
    "git.runners.read": ("ci_cd", "runners"),
    "devops.workers.read": ("ci_cd", "workers"),
    "devops.schedules.read": ("ci_cd", "schedules"),
    "docker.hosts.read": ("infrastructure", "containers"),
    "git.webhooks.read": ("connections", "webhooks"),
    "git.account_webhooks.manage": ("connections", "receivers"),
    "account.tokens.manage": ("connections", "api_keys"),
}


@pytest.mark.parametrize("permission", SECTIONS)
def test_what_one_may_not_read_is_absent(alice: ApiClient, permission: str) -> None:
    for *_, make in TROUBLES:
        make(alice.account)
    alice.token = token_for(alice.membership, permission)

    found = overview_of(alice)

    shown = {
        (section, name)
        for section in ("source_control", "ci_cd", "infrastructure", "connections")
        for name in found[section]
    }
    assert shown - {("infrastructure", "docker")} == {SECTIONS[permission]}
    assert {each["section"] for each in found["alerts"]} <= {SECTIONS[permission][0]}
    assert ("live_runs" in found) is (permission == "devops.pipeline_runs.read")


def test_a_viewer_hears_of_no_secret_business(alice: ApiClient, vera: ApiClient) -> None:
    for *_, make in TROUBLES:
        make(alice.account)

    found = overview_of(vera)

    kinds = {name for permission, (_, name) in SECTIONS.items() if permission in READ}
    shown = {
        name for section in ("source_control", "ci_cd", "connections") for name in found[section]
    }
    assert shown == kinds - {"containers"}
    codes = {each["code"] for each in found["alerts"]}
    assert not codes & {"credentials_unhealthy", "ai_budget_spent", "deliveries_failed"}


def test_refresh_is_a_flag(alice: ApiClient) -> None:
    assert alice.get("devops/overview", {"refresh": "soon"}).problem(400).pointers == ["?refresh"]


@pytest.mark.parametrize(
    ("free", "level"), [(DISK_FAIL - 1, "error"), (DISK_WARN - 1, "warning"), (DISK_WARN, "")]
)
def test_a_disk_is_told_of_before_it_is_full(free: int, level: str) -> None:
    assert [alert.level for alert in of_disk(free)] == ([level] if level else [])


def test_errors_come_before_warnings() -> None:
    levels: list[Level] = ["warning", "error", "warning", "error"]
    told = [
        Alert(level, "ci_cd", code, "", "", "") for level, code in zip(levels, "abcd", strict=True)
    ]

    assert [alert.code for alert in by_severity(told)] == ["b", "d", "a", "c"]
