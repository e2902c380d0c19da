"""What every handler of a fake Gitea needs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from gitintegration.clients.fakes.model import Repo
from gitintegration.clients.fakes.reception import Reception
from gitintegration.clients.fakes.state import HostState
from gitintegration.clients.fakes.web import Answer, Request, answer, paged
from gitintegration.clients.gitea.fake.words import Words

API = "/api/v1"
REPO = API + "/repos/{owner}/{name}"
# Gitea's MAX_RESPONSE_ITEMS.
MOST = 50


@dataclass(frozen=True, slots=True)
class Desk:
    """The reception, and how this host words things."""

    reception: Reception
    words: Words

    @property
    def state(self) -> HostState:
        return self.reception.state

    def repo(self, request: Request, wanted: str = "read") -> Repo:
        """The repository that the path names; see `Reception.repo`."""
        return self.reception.repo(request, f"{request['owner']}/{request['name']}", wanted)

    def page(
        self,
        request: Request,
        items: Sequence[Any],
        member: str = "",
        *,
        word: Callable[[Any], Any] = lambda one: one,
        **beside: Any,
    ) -> Answer:
        """One page with its links.

        Where `member` is named it stands there in an object, with a total and what is `beside`.
        """
        number = request.number("page", 1)
        part, last = paged(items, number, request.number("limit", 30), most=MOST)
        headers = {"x_total_count": str(len(items))}
        links = {"next": number + 1, "last": last} if number < last else {}
        if links:
            query = {name: values[0] for name, values in request.query.items()}
            here = self.words.web + request.path
            headers["link"] = ",".join(
                f'<{here}?{urlencode({**query, "page": page})}>; rel="{name}"'
                for name, page in links.items()
            )
        worded = [word(one) for one in part]
        value = {**beside, member: worded, "total_count": len(items)} if member else worded
        return answer(value, 200, **headers)
