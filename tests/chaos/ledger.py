"""What steps did, written by themselves, against what the rows say of it."""

from collections import Counter
from pathlib import Path
from typing import Any

from tests.stack import Stack, definition


class Ledger:
    """A file to which every step appends its run and its key when it begins and when it ends."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.path = stack.folder / "ledger"
        self.path.touch()

    def pipeline(self, steps: int = 4, pause: str = "0.2", **more: Any) -> str:
        """A pipeline of steps that write into the ledger."""
        say = 'echo "$POWERNODE_RUN_ID $POWERNODE_STEP {}" >> "$LEDGER"'
        command = f"{say.format('begin')}; sleep {pause}; {say.format('end')}"
        whole = definition(*[command] * steps, name="ledger",
                           environment={"LEDGER": str(self.path)}, **more)  # fmt: skip
        return str(self.stack.do("pipeline", definition=whole))

    def lines(self) -> Counter[tuple[str, ...]]:
        """How often each line stands there."""
        return Counter(tuple(line.split()) for line in self.path.read_text().splitlines())

    def repeated(self) -> int:
        """Beginnings beyond the first of each step."""
        begun = [count for line, count in self.lines().items() if line[-1] == "begin"]
        return sum(count - 1 for count in begun)

    def check(self, runs: int, steps: int, faults: int) -> None:
        """Nothing lost, nothing finished twice, no more in flight repeated than faults allow.

        A run may have been hit three times in one step; then it must have ended by that rule.
        """
        stack = self.stack
        given_up = self._given_up()
        assert len(given_up) <= faults // 3
        expected = {"success": runs - len(given_up), "failure": len(given_up)}
        found = {"failure": 0, **stack.counts()}
        assert found == expected, (found, stack.last_lines())
        twice = stack.sql(
            "SELECT run_id, step_key FROM pipelines_stepexecution WHERE status='success'"
            " GROUP BY run_id, step_key HAVING count(*) <> 1"
        )
        assert twice == []
        done = stack.sql("SELECT count(*) FROM pipelines_stepexecution WHERE status='success'")
        missing = runs * steps - done[0][0]
        assert len(given_up) <= missing <= len(given_up) * steps
        ended = {line[:2] for line in self.lines() if line[-1] == "end"}
        assert len(ended) >= runs * steps - missing
        told = stack.sql(
            "SELECT topic FROM devops_outboxmessage WHERE name='run_completed'"
            " GROUP BY topic HAVING count(*) <> 1"
        )
        assert told == []
        print(f"{runs} runs, {faults} faults, {self.repeated()} beginnings repeated")

    def _given_up(self) -> list[str]:
        """The runs that ended because their workers died three times in one step."""
        rows = self.stack.sql(
            "SELECT r.id FROM pipelines_pipelinerun r JOIN pipelines_stepexecution e"
            " ON e.run_id = r.id WHERE r.status='failure' AND r.reason='worker_lost'"
            " AND e.reason='worker_lost' GROUP BY r.id, e.step_key HAVING count(e.id) = 3"
        )
        return [str(row[0]) for row in rows]


def fenced(stack: Stack) -> int:
    """How many late writes the workers' logs say were refused."""
    logs = [*stack.folder.glob("*.log"), *(stack.folder / "var" / "log").glob("*.log")]
    return sum(path.read_text(errors="replace").count("is no longer ours") for path in logs)


def alive(path: Path) -> int:
    """The bytes of a file, 0 without it."""
    return path.stat().st_size if path.exists() else 0
