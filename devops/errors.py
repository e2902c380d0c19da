"""Errors that operations raise: plain values, without a word of HTTP frameworks."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One thing wrong with one field; `pointer` is a JSON pointer into the request body."""

    pointer: str
    code: str
    detail: str
    remedy: str = ""


class DomainError(Exception):
    """A refusal with a stable code, the HTTP status that fits it, and how to mend it."""

    code = "refused"
    status = 409
    title = "The request was refused"
    remedy = ""

    def __init__(
        self, detail: str, *, remedy: str = "", errors: Sequence[FieldProblem] = ()
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.remedy = remedy or self.remedy
        self.errors = tuple(errors)


class NotFound(DomainError):
    """No such object in the caller's account."""

    code = "not-found"
    status = 404
    title = "Not found"
    remedy = "Check the identifier; objects of other accounts are not visible."


class PermissionDenied(DomainError):
    """The caller is known but lacks the permission that the message names."""

    code = "permission-denied"
    status = 403
    title = "Permission denied"


class Invalid(DomainError):
    """The input breaks a rule; `errors` names each field."""

    code = "invalid"
    status = 400
    title = "The input is not valid"

    @classmethod
    def field(
        cls, pointer: str, detail: str, *, code: str = "invalid", remedy: str = ""
    ) -> "Invalid":
        """A refusal of a single field."""
        return cls(detail, remedy=remedy, errors=[FieldProblem(pointer, code, detail, remedy)])


class Conflict(DomainError):
    """The object is in a state in which this cannot be done."""

    code = "conflict"
    title = "The object's state does not allow this"


class InUse(Conflict):
    """Something live depends on the object; the message lists what."""

    code = "in-use"
    title = "The object is still in use"


class IllegalTransition(Conflict):
    """The state graph has no such move."""

    code = "illegal-transition"
    title = "That move is not possible from the present state"


class LostRace(Conflict):
    """Someone else moved the row after it was read."""

    code = "lost-race"
    title = "Somebody else was faster"
    remedy = "Read the object again and decide anew."


class Stale(Conflict):
    """The object is no longer in the state that the change was made from."""

    code = "stale"
    status = 412
    title = "Somebody changed it meanwhile"
    remedy = "Read it again, make your change on top of that, and send it with the new version."


class Fenced(LostRace):
    """The caller's lease was taken over; its writes no longer count."""

    code = "fenced"


class TransientError(Exception):
    """An outside system failed in a way that a later try may mend."""


class PermanentError(Exception):
    """An outside system refused in a way that no retry mends."""


class NotSupported(PermanentError):
    """The outside system has no such operation."""
