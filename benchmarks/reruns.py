"""How soon a repetition from a late step begins: its workspace restored, the rest taken over."""

import http.client
import json
import time

from tests.stack import Stack, definition

STEPS, POINT, TIMES = 100, 90, 10


def reruns(stack: Stack) -> dict[str, list[float]]:
    """Milliseconds from the request to the first act of step 90's shell, of 100 steps.

    Each step before it wrote a file of 10 KB, so the restored workspace holds 89 of them.
    """
    grow = "head -c 10000 /dev/urandom > $POWERNODE_STEP"
    stamp = 'echo "at=$(date +%s%N)" >> "$POWERNODE_OUTPUT"; test $(ls | wc -l) -ge 89'
    commands = [*[grow] * (POINT - 1), stamp, *["true"] * (STEPS - POINT)]
    pipeline = stack.do("pipeline", definition=definition(*commands, name="again"))
    (run,) = stack.do("trigger", pipeline=pipeline)
    stack.finish(1, 120)
    connection = http.client.HTTPConnection("127.0.0.1", stack.port)
    headers = {
        "Authorization": f"Bearer {stack.facts['token']}",
        "Content-Type": "application/json",
    }
    taken = []
    for number in range(2, TIMES + 2):
        sent = time.time_ns()
        connection.request(
            "POST", f"/api/v1/devops/pipeline_runs/{run}/retry",
            body=json.dumps({"from": f"s{POINT}"}), headers=headers,
        )  # fmt: skip
        answer = connection.getresponse()
        made = json.loads(answer.read())
        assert answer.status == 201, made
        counts = stack.finish(number, 60)
        assert counts.get("success") == number, counts
        rows = stack.sql(
            "SELECT outputs FROM pipelines_stepexecution WHERE step_key=%s"
            " ORDER BY id DESC LIMIT 1", f"s{POINT}",
        )  # fmt: skip
        outputs = json.loads(rows[0][0]) if isinstance(rows[0][0], str) else rows[0][0]
        taken.append((int(outputs["at"]) - sent) / 1e6)
    return {"re-run from step 90 of 100": taken}
