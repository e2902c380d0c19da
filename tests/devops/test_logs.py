"""What a command says is kept whole, in order, masked, and found again by line."""

import os
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.db import IntegrityError
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from devops.models import Blob, LogChunk, LogStream
from devops.safety import processes
from devops.safety.masking import Masker
from devops.storage import log_writer, logs, segments

pytestmark = pytest.mark.django_db

ACCOUNT = uuid.uuid4()
MB = 1024 * 1024


class Clock:
    """A monotonic clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Recorder:
    """Opens writers on one stream and remembers what they announced."""

    def __init__(self) -> None:
        self.stream_id = uuid.uuid4()
        self.announced: list[logs.AppendInfo] = []
        self.clock = Clock()

    def open(
        self, *, cap_bytes: int | None = None, secrets: tuple[str, ...] = ()
    ) -> logs.LogWriter:
        return logs.LogWriter(
            self.stream_id,
            ACCOUNT,
            masker=Masker(secrets),
            cap_bytes=cap_bytes,
            on_append=self.announced.append,
            clock=self.clock,
        )

    def write(self, *blocks: bytes, cap_bytes: int | None = None) -> None:
        writer = self.open(cap_bytes=cap_bytes)
        for block in blocks:
            writer.write(block)
            self.clock.now += 1
        writer.close()

    def raw(self) -> bytes:
        return b"".join(logs.iter_bytes(self.stream_id))

    def texts(self, first: int = 1, limit: int = 5000) -> list[str]:
        return [line.text for line in logs.read_lines(self.stream_id, first, limit).lines]


@pytest.fixture(params=["files", "rows"])
def log(request: pytest.FixtureRequest, settings: Settings, tmp_path: Path) -> Recorder:
    settings.POWERNODE_LOG_BACKEND = request.param
    settings.POWERNODE_LOG_ROOT = tmp_path / "logs"
    settings.POWERNODE_BLOB_ROOT = tmp_path / "blobs"
    settings.POWERNODE_LOG_CAP_BYTES = 64 * MB
    return Recorder()


@pytest.fixture(params=["live", "compacted"])
def finish(request: pytest.FixtureRequest) -> Callable[[Recorder], None]:
    def compact(log: Recorder) -> None:
        logs.compact(log.stream_id)
        assert not LogChunk.objects.filter(stream_id=log.stream_id).exists()

    return compact if request.param == "compacted" else lambda _: None


def numbered(first: int, last: int) -> bytes:
    return b"".join(b"line %d\n" % number for number in range(first, last + 1))


def test_bytes_come_back_as_written(log: Recorder, finish: Callable[[Recorder], None]) -> None:
    blocks = [os.urandom(300_000), b"\n", os.urandom(10), b"end"]
    log.write(*blocks)
    finish(log)
    assert log.raw() == b"".join(blocks)
    data, following = logs.read_bytes(log.stream_id, 100, 250_000)
    assert (data, following) == (b"".join(blocks)[100:250_100], 250_100)


def test_lines_are_found_by_number(log: Recorder, finish: Callable[[Recorder], None]) -> None:
    log.write(numbered(1, 70_000), numbered(70_001, 70_010), b"partial")
    finish(log)
    page = logs.read_lines(log.stream_id, 69_999, 3)
    assert [(line.number, line.text) for line in page.lines] == [
        (number, f"line {number}") for number in (69_999, 70_000, 70_001)
    ]
    assert (page.total_lines, page.complete) == (70_011, True)
    assert log.texts(70_011) == ["partial"]
    assert log.texts(70_012) == []
    assert log.texts(1, 1) == ["line 1"]


def test_a_line_written_in_pieces_is_one_line(
    log: Recorder, finish: Callable[[Recorder], None]
) -> None:
    log.write(b"first\nsec", b"on", b"d\n\nfo", b"urth\r\n")
    finish(log)
    assert log.texts() == ["first", "second", "", "fourth"]
    assert log.texts(2, 1) == ["second"]


def test_a_giant_line_is_one_truncated_line(
    log: Recorder, finish: Callable[[Recorder], None]
) -> None:
    log.write(b"before\n" + b"x" * (2 * MB), b"y" * MB, b"\nafter\n")
    finish(log)
    page = logs.read_lines(log.stream_id, 1, 10)
    assert [(line.number, len(line.text), line.truncated) for line in page.lines] == [
        (1, 6, False),
        (2, 65536, True),
        (3, 5, False),
    ]
    assert log.texts(3) == ["after"]


def test_search_counts_every_line_and_lists_the_first(
    log: Recorder, finish: Callable[[Recorder], None]
) -> None:
    log.write(numbered(1, 40_000), b"an ERR", b"or here\n", b"no newline error")
    finish(log)
    assert logs.search(log.stream_id, "error") == logs.Matches([40_001, 40_002], 2)
    found = logs.search(log.stream_id, "^line [0-9]+7$", regex=True, limit=3)
    assert (found.lines, found.total) == ([17, 27, 37], 3999)
    assert logs.search(log.stream_id, "absent").total == 0
    assert logs.search(log.stream_id, "line 1.", limit=1).total == 0


def test_replay_goes_on_after_an_offset(log: Recorder, finish: Callable[[Recorder], None]) -> None:
    log.write(b"one\ntwo\n", b"three\n")
    finish(log)
    pieces = list(logs.chunks_after(log.stream_id, 4, 1000))
    assert [(piece.offset, piece.first_line, piece.data) for piece in pieces] == [
        (4, 2, b"two\n"),
        (8, 3, b"three\n"),
    ]
    assert list(logs.chunks_after(log.stream_id, 14, 1000)) == []
    assert b"".join(piece.data for piece in logs.chunks_after(log.stream_id, 0, 6)) == b"one\ntw"


def test_the_cap_keeps_head_and_tail_and_states_the_gap(
    log: Recorder, finish: Callable[[Recorder], None]
) -> None:
    text = numbered(1, 200_000)
    log.write(*(text[at : at + 50_000] for at in range(0, len(text), 50_000)), cap_bytes=MB)
    finish(log)
    state = logs.state(log.stream_id)
    (gap,) = state.gaps
    assert (state.size_bytes, state.total_lines) == (len(text), 200_000)
    assert gap.bytes == state.dropped_bytes > 0
    kept = len(text) - gap.bytes
    assert MB // 2 < kept <= MB + 256 * 1024
    raw = log.raw()
    head, _, tail = raw.partition(f"\n[{gap.bytes} bytes dropped by the log limit]\n".encode())
    assert text.startswith(head)
    assert text.endswith(tail)
    assert len(head) == gap.from_offset
    assert text[gap.to_offset :] == tail
    assert log.texts(200_000) == ["line 200000"]
    assert text[: gap.from_offset].count(b"\n") + 1 == gap.from_line
    assert text[: gap.to_offset].count(b"\n") + 1 == gap.to_line


def test_lines_around_the_gap_are_marked(log: Recorder, finish: Callable[[Recorder], None]) -> None:
    text = numbered(1, 200_000)
    log.write(*(text[at : at + 50_000] for at in range(0, len(text), 50_000)), cap_bytes=MB)
    finish(log)
    (gap,) = logs.state(log.stream_id).gaps
    lines = logs.read_lines(log.stream_id, gap.from_line - 1, 4).lines
    assert [line.number for line in lines] == [
        gap.from_line - 1,
        gap.from_line,
        gap.to_line,
        gap.to_line + 1,
    ]
    assert [line.truncated for line in lines] == [False, True, True, False]


def test_a_new_writer_continues_after_a_crash(log: Recorder) -> None:
    crashed = log.open()
    crashed.write(b"one\ntwo")
    path = segments.path_of(log.stream_id, 0)
    if path.exists():
        with path.open("ab") as file:
            file.write(b"bytes that were never indexed")
    log.write(b" and a half\nthree\n")
    assert log.raw() == b"one\ntwo and a half\nthree\n"
    assert log.texts() == ["one", "two and a half", "three"]


def test_a_new_writer_keeps_the_cap_after_a_crash(log: Recorder) -> None:
    text = numbered(1, 200_000)
    half = len(text) // 2
    crashed = log.open(cap_bytes=MB)
    for at in range(0, half, 50_000):
        crashed.write(text[at : min(half, at + 50_000)])
        log.clock.now += 1
    log.write(*(text[at : at + 50_000] for at in range(half, len(text), 50_000)), cap_bytes=MB)
    state = logs.state(log.stream_id)
    assert state.size_bytes == len(text)
    assert len(text) - state.dropped_bytes <= MB + 256 * 1024
    assert text.endswith(log.raw().rpartition(b"log limit]\n")[2])


def test_two_writers_of_one_stream_do_not_mix(log: Recorder) -> None:
    first, second = log.open(), log.open()
    first.write(b"mine\n")
    second.write(b"after it\n")
    log.clock.now += 1
    with pytest.raises(IntegrityError):
        first.write(b"stale\n")


def test_a_closed_log_takes_no_more(log: Recorder) -> None:
    log.write(b"done\n")
    with pytest.raises(logs.LogClosed):
        log.write(b"more\n")


def test_secrets_never_reach_the_store(log: Recorder, tmp_path: Path) -> None:
    writer = log.open(secrets=("hunter2-correct",))
    for block in (b"token hunt", b"er2-corr", b"ect.\n", b"hunter2-"):
        writer.write(block)
        log.clock.now += 1
    writer.close()
    assert log.raw() == b"token ***.\nhunter2-"
    files = b"".join(path.read_bytes() for path in tmp_path.rglob("*.log"))
    assert b"hunter2-correct" not in files


def test_the_first_write_after_quiet_is_readable_at_once(log: Recorder) -> None:
    writer = log.open()
    writer.write(b"one\n")
    assert log.texts() == ["one"]
    writer.write(b"two\n")
    assert log.texts() == ["one"]
    assert writer.tick() == pytest.approx(log_writer.FLUSH_SECONDS)
    log.clock.now += log_writer.FLUSH_SECONDS
    assert writer.tick() is None
    assert log.texts() == ["one", "two"]
    assert [(info.offset, info.first_line) for info in log.announced] == [(0, 1), (4, 2)]
    writer.close()


def test_a_busy_command_is_batched_by_size(log: Recorder) -> None:
    writer = log.open()
    writer.write(b"x")
    for _ in range(31):
        writer.write(b"y" * 8192)
    assert len(log.announced) == 1
    writer.write(b"y" * 8192)
    assert [info.length for info in log.announced] == [1, 256 * 1024]
    log.clock.now += 2 * log_writer.BUSY_SECONDS
    writer.write(b"y" * log_writer.FLUSH_BYTES)
    assert len(log.announced) == 3
    writer.close()


def test_an_open_stream_is_not_complete(log: Recorder) -> None:
    writer = log.open()
    writer.write(b"one\n")
    assert not logs.state(log.stream_id).complete
    with pytest.raises(logs.LogStillOpen):
        logs.compact(log.stream_id)
    writer.close()
    assert logs.state(log.stream_id).complete


def test_a_silent_step_has_an_empty_complete_log(log: Recorder) -> None:
    assert logs.read_lines(log.stream_id, 1, 10).lines == []
    log.write()
    state = logs.state(log.stream_id)
    assert (state.size_bytes, state.total_lines, state.complete) == (0, 0, True)
    assert logs.compact(log.stream_id) is None


def test_compaction_shrinks_and_can_be_repeated(log: Recorder, tmp_path: Path) -> None:
    log.write(numbered(1, 100_000))
    blob = logs.compact(log.stream_id)
    assert blob is not None
    assert blob.size_bytes < 400_000
    assert list((tmp_path / "logs").rglob("*.log")) == []
    assert logs.compact(log.stream_id) == blob
    assert Blob.objects.count() == 1


def test_timestamps_survive_compaction(log: Recorder) -> None:
    log.write(b"one\n", b"two\n")
    before = logs.read_lines(log.stream_id, 1, 10).lines
    logs.compact(log.stream_id)
    assert logs.read_lines(log.stream_id, 1, 10).lines == before


def test_removal_leaves_nothing(
    log: Recorder, finish: Callable[[Recorder], None], tmp_path: Path
) -> None:
    log.write(b"one\n")
    finish(log)
    logs.remove(log.stream_id)
    assert not LogStream.objects.filter(pk=log.stream_id).exists()
    assert not Blob.objects.exists()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    logs.remove(log.stream_id)


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    read_fd, write_fd = os.pipe()
    yield read_fd, write_fd
    for fd in (read_fd, write_fd):
        try:
            os.close(fd)
        except OSError:
            continue


def test_the_pump_copies_until_the_pipe_ends(log: Recorder, pipe: tuple[int, int]) -> None:
    read_fd, write_fd = pipe
    text = numbered(1, 50_000)

    def produce() -> None:
        with os.fdopen(write_fd, "wb") as file:
            file.write(text)

    producer = threading.Thread(target=produce)
    producer.start()
    writer = log.open()
    logs.pump(read_fd, writer, should_stop=lambda: False)
    producer.join()
    writer.close()
    assert log.raw() == text


def test_the_pump_stops_when_told(log: Recorder, pipe: tuple[int, int]) -> None:
    writer = log.open()
    answers = iter([False, True])
    os.write(pipe[1], b"said\n")
    logs.pump(pipe[0], writer, should_stop=lambda: next(answers))
    writer.close()
    assert log.raw() == b"said\n"


def test_the_pump_ends_with_the_command_though_the_pipe_stays_open(
    log: Recorder, pipe: tuple[int, int]
) -> None:
    exit_read, exit_write = os.pipe()
    os.close(exit_write)
    os.write(pipe[1], b"last words\n")
    writer = log.open()
    logs.pump(pipe[0], writer, should_stop=lambda: False, exit_fd=exit_read)
    os.close(exit_read)
    writer.close()
    assert log.raw() == b"last words\n"


def test_the_pump_does_not_follow_what_a_command_leaves_running(
    log: Recorder, tmp_path: Path
) -> None:
    child = processes.spawn(
        ["sh", "-c", "echo first; yes & exit 3"], cwd=tmp_path, env={"PATH": "/usr/bin:/bin"}
    )
    writer = log.open()
    logs.pump(child.stdout_fd, writer, should_stop=lambda: False, exit_fd=child.exit_fd)
    assert child.wait(20) == 3
    child.close()
    writer.close()
    assert log.raw().startswith(b"first\n")


@hypothesis_settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(blocks=st.lists(st.binary(max_size=12) | st.sampled_from([b"\n", b"a\n\n", b"\r\n"])))
def test_lines_are_those_of_the_bytes(log: Recorder, blocks: list[bytes]) -> None:
    recorder = Recorder()
    recorder.write(*blocks)
    raw = b"".join(blocks)
    expected = raw.split(b"\n")
    if expected[-1] == b"":
        expected.pop()
    texts = [part.decode(errors="replace").removesuffix("\r") for part in expected]
    for _ in range(2):
        assert recorder.raw() == raw
        assert recorder.texts() == texts
        for number in range(1, len(texts) + 1):
            assert recorder.texts(number, 1) == [texts[number - 1]]
        logs.compact(recorder.stream_id)


@given(
    told=st.lists(st.binary(max_size=40), max_size=6),
    secret=st.just(b"s3cret-canary"),
    deaths=st.lists(st.integers(0, 200), max_size=3),
)
@hypothesis_settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_source_that_is_read_anew_after_each_death_stands_in_the_log_once(
    log: Recorder, told: list[bytes], secret: bytes, deaths: list[int]
) -> None:
    """As a container's output is: kept by its Engine, masked here, known by the log's length."""
    log.stream_id = uuid.uuid4()
    source = b"|".join([secret, *told, secret[:7], secret])
    first = log.open(secrets=(secret.decode(),))
    first.write(b"before\n")
    begin = first.settle()
    first.abandon()

    for reach in [*(min(death, len(source) - 1) for death in deaths), len(source)]:
        writer = log.open(secrets=(secret.decode(),))
        known = writer.settle()
        writer.skip(known - begin)
        for start in range(0, reach, 7):
            writer.write(source[:reach][start : start + 7])
            log.clock.now += 1
        if reach < len(source):
            # Killed: what is held back is lost with it.
            writer.abandon()
        else:
            writer.close()

    masker = Masker([secret.decode()])
    assert log.raw() == b"before\n" + masker.feed(source) + masker.flush()
