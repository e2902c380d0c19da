"""Where a failed log is worth opening: its first line that speaks of an error."""

import uuid

from devops.storage import log_reader

# Words with which test runners, compilers, shells and package managers announce a failure; a count
# of zero ("0 failed") announces the opposite and has a digit before it.
_PATTERN = (
    r"(?i)(^E {2,}\S|^(FAIL|FAILED|ERROR)\b|^\S*error(\[\w+\])?:|\berror:|\bfatal:|^fatal\b"
    r"|^traceback \(most recent call last\)|^panic:|^npm err!|^\w+(\.\w+)*(error|exception):"
    r"|command not found|no such file or directory|^make: \*\*\*|✗|✘)"
)


def first_error_line(stream_id: uuid.UUID) -> int | None:
    """The number of the first line that looks like an error, or None."""
    found = log_reader.search(stream_id, _PATTERN, regex=True, limit=1)
    return found.lines[0] if found.lines else None
