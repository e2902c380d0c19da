"""Log streams: one writer appends, anyone reads by bytes, lines or search."""

from devops.storage.log_compaction import LogStillOpen, compact, remove
from devops.storage.log_index import close_abandoned
from devops.storage.log_reader import (
    Gap,
    Line,
    LinePage,
    LogPiece,
    LogState,
    Matches,
    chunks_after,
    iter_bytes,
    read_bytes,
    read_lines,
    search,
    state,
)
from devops.storage.log_writer import AppendInfo, LogClosed, LogWriter, pump

__all__ = [
    "AppendInfo",
    "Gap",
    "Line",
    "LinePage",
    "LogClosed",
    "LogPiece",
    "LogState",
    "LogStillOpen",
    "LogWriter",
    "Matches",
    "chunks_after",
    "close_abandoned",
    "compact",
    "iter_bytes",
    "pump",
    "read_bytes",
    "read_lines",
    "remove",
    "search",
    "state",
]
