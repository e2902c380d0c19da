"""`/docs/steps`: what a pipeline's steps can be, and how each is written."""

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse

from devops.pages.base import Page
from devops.pages.markdown import clean_html, clean_inline
from pipelines import step_reference, step_types


class StepTypeList(Page):
    """`/docs/steps`."""

    nav_area = "pipelines"

    def get(self, _request: HttpRequest) -> HttpResponse:
        return self.render("docs/steps.html", {"kinds": step_types.all_types()})


class StepTypePage(Page):
    """`/docs/steps/<name>`."""

    nav_area = "pipelines"

    def get(self, _request: HttpRequest, name: str) -> HttpResponse:
        try:
            kind = step_types.get(name)
        except step_types.UnknownStepTypeError as error:
            found = {"kinds": step_types.all_types(), "problem": str(error)}
            return self.render("docs/steps.html", found, status=HTTPStatus.NOT_FOUND)
        return self.render(
            "docs/step.html",
            {
                "kind": kind,
                "effect": step_reference.EFFECTS[kind.effect],
                "keys": [(key, clean_inline(key.meaning)) for key in step_reference.keys_of(name)],
                "outputs": [(name, clean_inline(text)) for name, text in kind.outputs.items()],
                "text": clean_html(kind.docs) if kind.docs else "",
                "example": step_reference.example_of(kind),
                "others": step_types.all_types(),
            },
        )
