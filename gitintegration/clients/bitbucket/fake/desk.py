"""What every handler of a fake Bitbucket needs."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from gitintegration.clients.bitbucket.fake.words import Words, braced
from gitintegration.clients.fakes.model import Repo
from gitintegration.clients.fakes.reception import Reception, first
from gitintegration.clients.fakes.state import HostState
from gitintegration.clients.fakes.web import Answer, Refused, Request, answer, paged

API = "/2.0"
REPO = API + "/repositories/{workspace}/{slug}"
_TERM = re.compile(r'([\w.]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|(\w+))')


@dataclass(frozen=True, slots=True)
class Desk:
    """The reception, and how this host words things."""

    reception: Reception
    words: Words

    @property
    def state(self) -> HostState:
        return self.reception.state

    def repo(self, request: Request, wanted: str = "read") -> Repo:
        """The repository that the path names, by its slug or its UUID."""
        full_name = f"{request['workspace']}/{request['slug']}"
        if request["slug"].startswith("{"):
            known = self.state.repositories.values()
            repo = first(
                (one for one in known if braced(one.uuid) == request["slug"]), "repository"
            )
            full_name = repo.full_name
        return self.reception.repo(request, full_name, wanted)

    def page(
        self,
        request: Request,
        items: Sequence[Any],
        *,
        word: Callable[[Any], Any] = lambda one: one,
    ) -> Answer:
        """One page with the address of the next."""
        number, size = request.number("page", 1), request.number("pagelen", 10)
        part, last = paged(items, number, size)
        value: dict[str, Any] = {
            "values": [word(one) for one in part],
            "pagelen": size,
            "page": number,
            "size": len(items),
        }
        if number < last:
            query = [
                (name, one)
                for name, values in request.query.items()
                for one in values
                if name != "page"
            ]
            asked = urlencode([*query, ("page", number + 1)])
            value["next"] = f"{self.words.web}{request.path}?{asked}"
        return answer(value)


def matches(query: str, values: Mapping[str, str]) -> bool:
    """Whether an object's values are as a filter says; it knows =, AND, OR and parentheses.

    Raises:
        Refused: 400 for a field that the object has not.
    """
    return all(
        any(_term(term, values) for term in group.strip().strip("()").split(" OR "))
        for group in query.split(" AND ")
        if group
    )


def _term(term: str, values: Mapping[str, str]) -> bool:
    found = _TERM.fullmatch(term.strip())
    if found is None or found[1] not in values:
        raise Refused(400, f"Invalid filter: {term}")
    wanted = found[3] if found[2] is None else re.sub(r"\\(.)", r"\1", found[2])
    return values[found[1]] == wanted
