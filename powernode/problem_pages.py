"""`/docs/problems/<code>`: what the `type` of a problem document points at."""

from dataclasses import dataclass

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from devops.errors import DomainError
from devops.problems import general_problems


@dataclass(frozen=True, slots=True)
class Problem:
    """A kind of refusal, as its page explains it."""

    code: str
    title: str
    status: int
    meaning: str
    remedy: str


def catalogue() -> dict[str, Problem]:
    """Every kind of refusal that this installation knows, by code."""
    found = {
        code: Problem(code, title, status, "", remedy)
        for code, (title, status, remedy) in general_problems().items()
    }
    kinds: list[type[DomainError]] = [DomainError]
    while kinds:
        kind = kinds.pop()
        kinds += kind.__subclasses__()
        meaning = (kind.__doc__ or "").split("\n\n", 1)[0].replace("`", "")
        found[kind.code] = Problem(kind.code, kind.title, kind.status, meaning, kind.remedy)
    return found


@require_safe
def problem_page(request: HttpRequest, code: str) -> HttpResponse:
    """The page of one code."""
    problem = catalogue().get(code)
    if problem is None:
        raise Http404(f"There is no problem called {code!r}.")
    return render(request, "docs/problem.html", {"problem": problem})
