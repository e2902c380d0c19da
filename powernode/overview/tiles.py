"""What there is, each with the page where it is: as far as the reader may see it."""

from collections.abc import Mapping
from typing import Any

from devops.access import Actor

Sections = Mapping[str, Mapping[str, Any]]


def tiles(sections: Sections) -> list[dict[str, Any]]:
    """`{title, url, icon, value, note, is_bad}` of each kind of thing."""
    found = [
        _pipelines(sections), _schedules(sections), _repositories(sections), _hosts(sections),
        _workers(sections), _runners(sections), _docker(sections), _webhooks(sections),
        _keys(sections),
    ]  # fmt: skip
    return [tile for tile in found if tile is not None]


def quick_links(actor: Actor) -> list[dict[str, str]]:
    """`{title, url, icon}` of what people come for."""
    wanted = (
        ("devops.pipelines.write", "Templates", "/marketplace", "stack-2"),
        ("git.providers.create", "Connect a git host", "/git/connect", "plug-connected"),
        ("git.repositories.sync", "Import repositories", "/git/import", "cloud-download"),
        ("devops.repositories.write", "Add a repository", "/repositories/new", "book-2"),
        ("account.members.manage", "Invite somebody", "/settings/invitations", "user-plus"),
    )
    return [
        {"title": title, "url": url, "icon": icon}
        for permission, title, url, icon in wanted
        if actor.may(permission)
    ]


def _tile(title: str, url: str, icon: str, value: int, note: str, bad: int = 0) -> dict[str, Any]:
    return {
        "title": title, "url": url, "icon": icon, "value": value,
        "note": note if value or bad else "", "is_bad": bool(bad),
    }  # fmt: skip


def _pipelines(sections: Sections) -> dict[str, Any] | None:
    counts = sections["ci_cd"].get("pipelines")
    if counts is None:
        return None
    return _tile("Pipelines", "/pipelines", "route", counts["total"], f"{counts['active']} active")


def _schedules(sections: Sections) -> dict[str, Any] | None:
    counts = sections["ci_cd"].get("schedules")
    if counts is None:
        return None
    note = f"{counts['late']} late" if counts["late"] else f"{counts['active']} active"
    url, icon = "/schedules", "calendar-time"
    return _tile("Schedules", url, icon, counts["total"], note, counts["late"])


def _repositories(sections: Sections) -> dict[str, Any] | None:
    counts = sections["source_control"].get("repositories")
    if counts is None:
        return None
    hooks = counts["with_webhook"]
    note = f"{hooks} webhook{'' if hooks == 1 else 's'}"
    return _tile("Repositories", "/repositories", "book-2", counts["total"], note)


def _hosts(sections: Sections) -> dict[str, Any] | None:
    counts = sections["source_control"].get("git_hosts")
    if counts is None:
        return None
    silent = counts["unreachable"]
    credentials = sections["source_control"].get("credentials")
    note = f"{silent} silent" if silent else f"{counts['active']} active"
    troubled = 0
    if credentials is not None and not silent:
        troubled = credentials["troubled"]
        plural = "" if credentials["total"] == 1 else "s"
        note = (
            f"{troubled} need a new token" if troubled
            else f"{credentials['total']} credential{plural}"
        )  # fmt: skip
    return _tile("Git hosts", "/git", "cloud", counts["total"], note, silent + troubled)


def _workers(sections: Sections) -> dict[str, Any] | None:
    counts = sections["ci_cd"].get("workers")
    if counts is None:
        return None
    note = f"of {counts['total']} online" if counts["total"] else "none has reported"
    bad = not counts["online"]
    return _tile("Workers", "/workers", "server-2", counts["online"], note, bad)


def _runners(sections: Sections) -> dict[str, Any] | None:
    counts = sections["ci_cd"].get("runners")
    if counts is None:
        return None
    offline, url = counts["offline"], "/ci/runners"
    note = f"{offline} offline" if offline else f"{counts['busy']} busy"
    return _tile("CI runners", url, "cpu", counts["total"], note, offline)


def _docker(sections: Sections) -> dict[str, Any] | None:
    counts = sections["infrastructure"].get("docker")
    if counts is None:
        return None
    note = f"{counts['connected']} connected"
    return _tile("Docker hosts", "/docker", "package", counts["hosts"], note)


def _webhooks(sections: Sections) -> dict[str, Any] | None:
    counts = sections["connections"].get("webhooks")
    if counts is None:
        return None
    failed, url = counts["failed_today"], "/webhooks"
    note = f"today, {failed} failed"
    return _tile("Webhooks", url, "webhook", counts["received_today"], note, failed)


def _keys(sections: Sections) -> dict[str, Any] | None:
    counts = sections["connections"].get("api_keys")
    if counts is None:
        return None
    return _tile("API keys", "/settings/tokens", "key", counts["total"], "in force")
