"""What the steps run on: containers, Docker hosts, the server's disk."""

import shutil
from typing import Any

from django.conf import settings

from containers import public as containers
from devops.access import Actor
from powernode.diagnosis import DISK_FAIL, DISK_WARN
from powernode.overview.alerts import Alert

READ = "docker.hosts.read"
# Who may stop workers is told how the machine is.
OPERATE = "devops.workers.write"


def infrastructure(actor: Actor) -> tuple[dict[str, Any], list[Alert]]:
    """The section, as far as the actor may read it, and what needs somebody there."""
    facts: dict[str, Any] = {}
    alerts: list[Alert] = []
    if actor.may(READ):
        hosts = containers.host_figures(actor)
        facts["containers"] = containers.container_figures(actor)
        facts["docker"] = {"hosts": hosts.hosts, "connected": hosts.connected}
        alerts += _of_hosts(hosts)
        alerts += _of_containers(containers.containers_lost_today(actor))
    if actor.may(OPERATE):
        alerts += of_disk(shutil.disk_usage(settings.POWERNODE_VAR).free)
    return facts, alerts


def _of_hosts(hosts: containers.HostFigures) -> list[Alert]:
    remedy = "Look at the address and the certificates, and test it; it is asked every minute."
    found = [
        Alert(
            "error", "infrastructure", "docker_host_unreachable",
            f"The Docker host {host.name} cannot be reached", remedy, f"/docker/{host.pk}",
        )
        for host in hosts.unreachable
    ]  # fmt: skip
    more = hosts.unreachable_count - len(hosts.unreachable)
    if more > 0:
        words = f"{more} more Docker {'host' if more == 1 else 'hosts'} cannot be reached"
        found.append(
            Alert("error", "infrastructure", "docker_host_unreachable", words, remedy, "/docker")
        )
    return found


def _of_containers(lost: int) -> list[Alert]:
    if not lost:
        return []
    words = "1 container" if lost == 1 else f"{lost} containers"
    return [
        Alert(
            "warning", "infrastructure", "containers_failed",
            f"{words} could not be started, or were lost, today"
            if lost > 1 else f"{words} could not be started, or was lost, today",
            "The runs say why; look at the image's name and at the Docker host.",
            "/runs?status=failure",
        )
    ]  # fmt: skip


def of_disk(free: int) -> list[Alert]:
    """What is to be said of so many free bytes where the platform keeps its data."""
    if free >= DISK_WARN:
        return []
    return [
        Alert(
            "error" if free < DISK_FAIL else "warning", "infrastructure", "disk_nearly_full",
            f"The server's disk has {free / 1024**3:.1f} GB left",
            "Delete caches that nobody needs, shorten the retention, or give the data folder more "
            "room.", "/settings/caches",
        )
    ]  # fmt: skip
