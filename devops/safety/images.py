"""What container images and the hosts beside a container may be called."""

# Source: distribution/reference, "reference" grammar.
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
IMAGE_PATTERN = (
    r"^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?/)?"
    rf"{_PART}(?:/{_PART})*"
    r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[0-9a-f]{64})?$"
)
IMAGE_MAX = 255
# One label of a host name.
SERVICE_PATTERN = r"^[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$"
