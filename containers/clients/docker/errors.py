"""What a Docker Engine's refusal or silence is called; messages name the host and the remedy."""

from devops.errors import DomainError


class EngineError(DomainError):
    """A call to a Docker Engine failed.

    `said` is what happened, without the host's name; `http_status` what the Engine answered, 0
    without an answer.
    """

    code = "engine-refused"
    status = 422
    title = "The Docker Engine refused"

    def __init__(self, host: str, detail: str, *, http_status: int = 0, remedy: str = "") -> None:
        super().__init__(f"{host}: {detail}", remedy=remedy)
        self.host = host
        self.said = detail
        self.http_status = http_status


class EngineUnreachable(EngineError):
    """No answer came: refused, cut off, bad TLS or out of time."""

    code = "engine-unreachable"
    title = "The Docker Engine does not answer"
    remedy = "Check that the Engine runs and that its address and certificates are right."


class NotOnEngine(EngineError):
    """404: the container, image or network is not there."""

    code = "engine-not-found"
    title = "The Docker Engine has no such object"


class NameTaken(EngineError):
    """409: something of that name is there already, or its state does not allow this."""

    code = "engine-conflict"
    title = "The Docker Engine's state does not allow this"


class ImageUnavailable(EngineError):
    """The image is not on the host and could not be pulled."""

    code = "image-unavailable"
    title = "The image could not be pulled"
    remedy = "Check the image's name and tag, and that the Docker host may pull it."


class ProgramMissing(EngineError):
    """The image has no program of that name, so the container could not start."""

    code = "image-program-missing"
    title = "The image lacks the program"
    remedy = "Use an image that has it; a script needs `sh`."


class AddressesTaken(EngineError):
    """The Engine has no range of addresses for one more network."""

    code = "engine-addresses"
    title = "The Docker Engine has no addresses left"
    remedy = (
        "Remove networks that nobody uses there (`docker network prune`), "
        "or widen its `default-address-pools`."
    )


class NetworkAmbiguous(EngineError):
    """Several networks have the name."""

    code = "engine-network-ambiguous"
    title = "The Docker Engine has several networks of one name"
    remedy = "Remove all but one of them there: `docker network ls`, `docker network rm`."
