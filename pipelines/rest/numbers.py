"""Numbers that stand in an address."""

from rest_framework.request import Request

from devops.errors import Invalid

_MOST = 2**62


def read_number(request: Request, name: str, default: int = 0) -> int:
    """A whole number from 0 on.

    Raises:
        Invalid: the parameter is none.
    """
    text: str = request.query_params.get(name, "")
    return parse_number(text, f"?{name}") if text else default


def parse_number(text: str, where: str) -> int:
    """A whole number from 0 on.

    Raises:
        Invalid: it is none.
    """
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) < _MOST):
        raise Invalid.field(where, f"`{where.lstrip('?')}` is a whole number from 0 on.")
    return int(text)
