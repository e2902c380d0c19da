"""Links that come from outside."""

from urllib.parse import urlsplit


def safe_link(url: str) -> str:
    """The address when a browser may be sent there, else nothing: others wrote it, not we."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return url if parts.scheme in {"http", "https"} and parts.hostname else ""
