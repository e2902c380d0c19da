"""Docker hosts are connected, changed, tested and forgotten."""

import json
import uuid
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from containers.choices import HOST_FAILURES_MAX, INSTANCE_ACTIVE, HostStatus
from containers.clients.docker.engine import Endpoint, Engine, EngineFacts
from containers.clients.docker.errors import EngineError
from containers.models import ContainerInstance, DockerHost
from containers.operations.host_endpoints import check_endpoint, check_pem
from devops import audit
from devops.access import Actor
from devops.connections import release_connection
from devops.errors import Conflict, InUse
from devops.safety.encryption import Binding, decrypt, encrypt
from devops.safety.json_values import load_json
from devops.slugs import free_slug

MANAGE = "docker.hosts.manage"
CHANGEABLE = (
    "name", "description", "api_endpoint", "environment", "tls_verify", "is_default",
)  # fmt: skip
TLS_FIELDS = {"tls_ca": "ca_cert", "tls_cert": "client_cert", "tls_key": "client_key"}
OPERATORS_HOST = "This machine"


@transaction.atomic(durable=True)
def connect_host(actor: Actor, values: Mapping[str, Any]) -> DockerHost:
    """Enter a Docker host; `test_host` then asks its Engine.

    Raises:
        PermissionDenied: the address is the operator's to give.
        AddressNotAllowed: the platform must not reach it.
        Conflict: the name is taken.
    """
    actor.require(MANAGE)
    host = DockerHost(account_id=actor.account_id)
    _apply(actor, host, values)
    host.slug = free_slug(DockerHost.objects.all(), host.name, fallback="host", first=1)
    if not DockerHost.objects.filter(account_id=actor.account_id, is_default=True).exists():
        host.is_default = True
    _save(host, is_new=True)
    audit.record(actor, "docker.host.create", host)
    return host


@transaction.atomic(durable=True)
def update_host(actor: Actor, host: DockerHost, changes: Mapping[str, Any]) -> DockerHost:
    """Change what is known of a host; another address is unproven until it is tested.

    Raises:
        Conflict: the name is taken, or containers of ours run there and the address changes.
    """
    actor.require(MANAGE)
    before = host.api_endpoint
    _apply(actor, host, changes)
    if host.api_endpoint != before:
        _refuse_if_used(host, "Its address cannot change while")
        host.status, host.consecutive_failures, host.last_error = HostStatus.PENDING, 0, ""
    if changes.get("is_maintenance") is not None:
        host.status = HostStatus.MAINTENANCE if changes["is_maintenance"] else HostStatus.PENDING
    _save(host, is_new=False)
    detail = {"fields": sorted(set(changes))}
    audit.record(actor, "docker.host.update", host, detail=detail)
    return host


@transaction.atomic(durable=True)
def remove_host(actor: Actor, host: DockerHost) -> None:
    """Forget a host; nothing is changed on it.

    Raises:
        InUse: containers of ours run there; says how many.
    """
    actor.require(MANAGE)
    _refuse_if_used(host, "It cannot be removed while")
    audit.record(actor, "docker.host.delete", host)
    ContainerInstance.objects.filter(docker_host=host).delete()
    host.delete()


def test_host(actor: Actor, host: DockerHost) -> EngineFacts:
    """Ask the host's Engine what it is, and note what came of it.

    Raises:
        EngineError: it does not answer or refuses; the host's row says so, too.
    """
    actor.require(MANAGE)
    return ask_host(host)


def ask_host(host: DockerHost) -> EngineFacts:
    """Ask a host's Engine what it is, for the platform itself.

    Raises:
        EngineError: it does not answer or refuses.
    """
    endpoint = endpoint_of(host)
    release_connection()
    try:
        with Engine(endpoint) as engine:
            facts = engine.facts()
    except EngineError as error:
        note_failure(host, str(error))
        raise
    note_success(host, facts)
    return facts


def engine_version(name: str, url: str) -> str:
    """Which Docker answers at an address, for the operator.

    Raises:
        EngineError: it does not answer or refuses.
    """
    with Engine(Endpoint(name, url)) as engine:
        return engine.facts().docker_version


@transaction.atomic(durable=True)
def note_success(host: DockerHost, facts: EngineFacts) -> None:
    """Keep what an Engine said of itself; a host in maintenance stays there."""
    row = DockerHost.objects.select_for_update().get(pk=host.pk)
    for name in EngineFacts.__slots__:
        setattr(row, name, getattr(facts, name))
    row.consecutive_failures, row.last_error, row.last_seen_at = 0, "", timezone.now()
    if row.status != HostStatus.MAINTENANCE:
        row.status = HostStatus.CONNECTED
    row.save()
    host.refresh_from_db()


@transaction.atomic(durable=True)
def note_failure(host: DockerHost, message: str) -> None:
    """Count a failure; one that never answered, or failed often enough, is in error."""
    row = DockerHost.objects.select_for_update().get(pk=host.pk)
    row.consecutive_failures += 1
    row.last_error = message[:2000]
    is_new = row.last_seen_at is None
    if row.status != HostStatus.MAINTENANCE and (
        is_new or row.consecutive_failures >= HOST_FAILURES_MAX
    ):
        row.status = HostStatus.ERROR
    row.save()
    host.refresh_from_db()


def endpoint_of(host: DockerHost) -> Endpoint:
    """Where the host's Engine is, with the certificates that it wants.

    Raises:
        CannotDecryptError: they are bound to another row or their key is gone.
    """
    tls: Mapping[str, str] = {}
    if host.encrypted_tls_credentials:
        tls = load_json(decrypt(host.encrypted_tls_credentials, binding=_binding(host)))
    return Endpoint(f"Docker host {host.name}", host.api_endpoint, host.tls_verify, tls)


def host_for(account_id: uuid.UUID) -> DockerHost:
    """The host on which an account's containers run: its default, or the operator's for all.

    Raises:
        Conflict: there is none, or it is in maintenance.
    """
    hosts = DockerHost.objects.filter(account_id=account_id).order_by("-is_default", "name")
    host = hosts.exclude(status=HostStatus.MAINTENANCE).first()
    if host is None and hosts.exists():
        raise Conflict("Every Docker host of this account is in maintenance.")
    if host is None and settings.POWERNODE_DOCKER_HOST:
        host = _operators_host(account_id)
    if host is None:
        raise Conflict(
            "This account has no Docker host, so no command can run in a container.",
            remedy="Connect one under Docker hosts, or leave `image` out.",
        )
    return host


@transaction.atomic(durable=True)
def _operators_host(account_id: uuid.UUID) -> DockerHost:
    """The Engine that the operator offers to every account, as a host of this one."""
    host, _ = DockerHost.objects.get_or_create(
        account_id=account_id,
        name=OPERATORS_HOST,
        defaults={
            "slug": free_slug(DockerHost.objects.all(), OPERATORS_HOST, fallback="host", first=1),
            "description": "The Docker Engine that the operator of this installation offers.",
            "api_endpoint": settings.POWERNODE_DOCKER_HOST,
            "is_default": True,
        },
    )
    return host


def _apply(actor: Actor, host: DockerHost, values: Mapping[str, Any]) -> None:
    for name in CHANGEABLE:
        if name in values:
            setattr(host, name, values[name])
    if "api_endpoint" in values:
        host.api_endpoint = check_endpoint(actor, values["api_endpoint"])
    pems = {ours: values[name] for name, ours in TLS_FIELDS.items() if name in values}
    for name, ours in TLS_FIELDS.items():
        if pems.get(ours):
            check_pem(f"/{name}", pems[ours])
    if pems:
        known = dict(endpoint_of(host).tls) if host.encrypted_tls_credentials else {}
        kept = {name: text for name, text in {**known, **pems}.items() if text}
        host.encrypted_tls_credentials = (
            encrypt(json.dumps(kept).encode(), binding=_binding(host)) if kept else ""
        )


def _save(host: DockerHost, *, is_new: bool) -> None:
    if host.is_default:
        others = DockerHost.objects.filter(account_id=host.account_id, is_default=True)
        others.exclude(pk=host.pk).update(is_default=False)
    try:
        with transaction.atomic():
            host.save(force_insert=is_new)
    except IntegrityError as error:
        raise Conflict(
            f"Another Docker host is called {host.name!r}.", remedy="Choose another name."
        ) from error


def _refuse_if_used(host: DockerHost, what: str) -> None:
    live = ContainerInstance.objects.filter(docker_host=host, status__in=INSTANCE_ACTIVE).count()
    if live:
        raise InUse(
            f"{what} {live} container(s) of running steps are on it.",
            remedy="Wait for the end of those runs or cancel them.",
        )


def _binding(host: DockerHost) -> Binding:
    return Binding("containers_dockerhost", str(host.account_id), str(host.pk), "tls")
