"""Which addresses of Docker Engines may be entered, and by whom.

Whoever speaks to an Engine is root on its machine. The platform's own machine is therefore the
operator's to give, in the settings; other machines are reached over TLS, or plainly where the
operator named them.
"""

from django.conf import settings

from devops.access import Actor
from devops.errors import Invalid, PermissionDenied
from devops.safety.addresses import check_url, split_url

_PEM_MAX = 64 * 1024


class EndpointForbidden(PermissionDenied):
    """An address that only the operator may give."""

    code = "operator-only"
    title = "Operator only"


def check_endpoint(actor: Actor, url: str) -> str:
    """An Engine's address in its plain form.

    Raises:
        EndpointForbidden: a socket of the platform's machine that the operator did not name.
        Invalid: it is no address of an Engine, or one without TLS that nobody allowed.
        AddressNotAllowed: the platform must not reach it.
    """
    url = url.strip().rstrip("/")
    if url.startswith("tcp://"):
        url = "https://" + url.removeprefix("tcp://")
    if url.startswith("unix://"):
        if url != settings.POWERNODE_DOCKER_HOST:
            raise EndpointForbidden(
                f"{actor.label} may not connect {url[:200]!r}: whoever speaks to an Engine's "
                "socket is root on the platform's machine.",
                remedy="Ask the operator to name it in POWERNODE_DOCKER_HOST.",
            )
        return url
    if not url.startswith(("https://", "http://")):
        raise Invalid.field(
            "/api_endpoint",
            "An Engine's address begins with https://, http:// or unix://.",
            remedy="For example https://docker.example.com:2376.",
        )
    host, port = split_url(url)
    scheme, _, rest = url.partition("://")
    if rest not in {_shown(host), f"{_shown(host)}:{port}"}:
        raise Invalid.field(
            "/api_endpoint",
            "An Engine's address is scheme, host and port alone.",
            remedy="For example https://docker.example.com:2376.",
        )
    allowed = {entry.lower() for entry in settings.POWERNODE_EGRESS_ALLOW}
    if url.startswith("http://") and not allowed & {host.lower(), f"{host.lower()}:{port}"}:
        raise Invalid.field(
            "/api_endpoint",
            "An Engine without TLS makes everyone on the way root on its machine.",
            remedy="Use https:// with certificates, or have the operator name the host in "
            "POWERNODE_EGRESS_ALLOW.",
        )
    check_url(url)
    return f"{scheme}://{_shown(host)}:{port}"


def check_pem(pointer: str, text: str) -> None:
    """Refuse what is no PEM text.

    Raises:
        Invalid: naming the field.
    """
    bare = text.strip()
    is_pem = bare.startswith("-----BEGIN ") and bare.endswith("-----") and bare.isascii()
    if len(text) > _PEM_MAX or not is_pem:
        raise Invalid.field(
            pointer,
            "This is no PEM text.",
            remedy="Paste the file from -----BEGIN to -----END, all of it.",
        )


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
