import pytest
from hypothesis import given
from hypothesis import strategies as st

from devops.safety.documents import dump_yaml
from pipelines.documents import FEATURES, lint
from tests.pipelines.documents.document_fixtures import EXAMPLE, SCHEMAS, pipeline

COMMAND = "with: {command: x}\n"


def found(text: str, known_labels: list[str] | None = None) -> list[tuple[str, int, int]]:
    findings = lint(text, schemas=SCHEMAS, known_labels=known_labels)
    return [(f.code, f.line, f.column) for f in findings]


def test_the_example_document_has_no_findings() -> None:
    assert lint(EXAMPLE, schemas=SCHEMAS) == []


@pytest.mark.parametrize(
    ("text", "code", "line", "column"),
    [
        ("a: [", "yaml", 1, 5),
        ("a: &x 1", "yaml", 1, 4),
        ("- 1", "yaml", 1, 1),
        ("", "yaml", 1, 1),
        ("name: X\nsteps: 3", "schema", 2, 8),
        ("name: X", "missing-key", 1, 1),
        ("name: X\nstep: []\nsteps: []", "unknown-key", 2, 1),
        ("name: X\non: pusch\nsteps: []", "schema", 2, 5),
        ("name: X\non: [push, pusch]\nsteps: []", "schema", 2, 12),
        ("name: X\non: {push: {branch: []}}\nsteps: []", "unknown-key", 2, 13),
        ("name: X\nrunner_labels: [a, '']\nsteps: []", "schema", 2, 20),
        ("name: X\ntimeout_minutes: 361\nsteps: []", "schema", 2, 18),
        ("name: X\ntimeout_minutes: 0.01\nsteps: []", "schema", 2, 18),
        ("name: X\nkey: A B\nsteps: []", "schema", 2, 6),
        ("name: X\ntype: c\nsteps: []", "schema", 2, 7),
        (
            "name: X\nservices: {a: {image: b}}\nsteps: []",
            "services-without-image",
            2,
            1,
        ),
        ("name: X\nconcurrency: {policy: x}\nsteps: []", "schema", 2, 23),
        ("name: X\nfeatures: {magic: true}\nsteps: []", "unknown-feature", 2, 12),
        ("name: X\nenv: {A-B!: x}\nsteps: []", "schema", 2, 6),
        ("name: X\nsteps: [{name: A, uses: notfy}]", "unknown-step-type", 2, 25),
        ("name: X\nsteps: [{uses: notify}]", "missing-key", 2, 9),
        ("name: X\nsteps: [{name: A}]", "missing-key", 2, 9),
        (pipeline("wiht: {}"), "unknown-key", 5, 5),
        (pipeline("with: {command: 3}"), "schema", 5, 21),
        (pipeline("with: {command: x, mode: fst}"), "schema", 5, 30),
        (pipeline("with: {command: x, shell: {x: 1}}"), "unknown-key", 5, 32),
        (pipeline(COMMAND + "key: 1a"), "schema", 6, 10),
        (pipeline(COMMAND + "key: previous"), "reserved-key", 6, 10),
        (pipeline(COMMAND + "approval: 3"), "schema", 6, 15),
        (pipeline(COMMAND + "approval: {recipient: [a@b.c]}"), "unknown-key", 6, 16),
        (pipeline(COMMAND + "approval: {recipients: [role:viewer]}"), "schema", 6, 29),
        (pipeline(COMMAND + "approval: {recipients: [user:7]}"), "schema", 6, 29),
        (pipeline(COMMAND + "approval: {recipients: [nobody]}"), "schema", 6, 29),
        (pipeline(COMMAND + "approval: {timeout_hours: 0.5}"), "schema", 6, 31),
        (pipeline(COMMAND + "approval: {timeout_hours: 169}"), "schema", 6, 31),
        (pipeline(COMMAND + "approval: {required: 0}"), "schema", 6, 26),
        (pipeline(COMMAND + "approval: {require_comment: yes please}"), "schema", 6, 33),
        (
            pipeline(COMMAND + "approval: {recipients: [a@example.com], required: 2}"),
            "approval",
            6,
            55,
        ),
        ("name: X\non: {schedule: [{cron: '61 * * * *'}]}\nsteps: []", "invalid-cron", 2, 24),
        ("name: X\non: {schedule: ['* * * * * *']}\nsteps: []", "invalid-cron", 2, 17),
        (
            "name: X\non: {schedule: [{cron: '@daily', timezone: Mars}]}\nsteps: []",
            "invalid-timezone",
            2,
            44,
        ),
        ("name: X\non: {schedule: [{cron: '@daily', missed: no}]}\nsteps: []", "schema", 2, 42),
        ("name: X\non: {schedule: ['@daily', '@daily']}\nsteps: []", "duplicate-schedule", 2, 27),
        (
            "name: X\non: {schedule: [{cron: '@daily', inputs: {a: 1}}]}\nsteps: []",
            "input",
            2,
            46,
        ),
        ("name: X\nimage: Python!\nsteps: []", "image", 2, 8),
        ("name: X\nimage: none\nsteps: []", "image", 2, 8),
        ("name: X\nimage: --privileged\nsteps: []", "image", 2, 8),
        (pipeline(COMMAND + "image: a b"), "image", 6, 12),
        (pipeline(COMMAND + "image: a\nservices: {A_B: {image: b}}"), "schema", 7, 15),
        (pipeline(COMMAND + "image: a\nservices: {db: {}}"), "missing-key", 7, 20),
        (
            pipeline(COMMAND + "image: a\nservices: {db: {image: a, ports: [1]}}"),
            "unknown-key",
            7,
            31,
        ),
        (
            pipeline(COMMAND + "image: none\nservices: {db: {image: b}}"),
            "services-without-image",
            7,
            5,
        ),
        (pipeline(COMMAND + "image: x:${{ trigger.branch }}"), "untrusted-in-image", 6, 12),
        (pipeline(COMMAND + "image: x:${{ nothing.at }}"), "unknown-reference", 6, 18),
        (pipeline(COMMAND + "retry: {attempts: 99}"), "schema", 6, 23),
        (pipeline(COMMAND + "retry: {delay_seconds: 1}"), "missing-key", 6, 12),
        (pipeline(COMMAND + "retry: {attempts: 2, on: [tired]}"), "schema", 6, 31),
        (pipeline(COMMAND + "retry: {attempts: 2, on: [{log: '(?=x)'}]}"), "pattern", 6, 37),
        (pipeline(COMMAND + "retry: {attempts: 2, on: [{exit_code: 0}]}"), "schema", 6, 43),
        (pipeline(COMMAND + "matrix: {a: []}"), "schema", 6, 17),
        (pipeline(COMMAND + "matrix: {a: 3}"), "schema", 6, 17),
        (pipeline(COMMAND + "matrix: {a: [{}]}"), "schema", 6, 18),
        (pipeline(COMMAND + "matrix: {a: [1], exclude: [{a: 1}]}"), "matrix", 6, 31),
        (pipeline(COMMAND + "matrix: {a: [1], exclude: [{b: 1}]}"), "matrix", 6, 31),
        (pipeline(COMMAND + "matrix: {fail_fast: true}"), "matrix", 6, 5),
        (pipeline(COMMAND + "matrix: {a: ['${{ steps.x.status }}']}"), "unknown-reference", 6, 23),
        (pipeline(COMMAND + "fail_fast: true"), "schema", 6, 5),
        (pipeline(COMMAND + "outputs: {a: {type: date}}"), "schema", 6, 25),
        (pipeline(COMMAND + "outputs: {1a: {}}"), "schema", 6, 14),
        (pipeline(COMMAND + "timeout_minutes: 90"), "timeout", 6, 22),
        (pipeline(COMMAND + "secrets: [A]"), "undeclared-secret", 6, 15),
        (pipeline(COMMAND + "parallel: []"), "schema", 4, 5),
        (pipeline(COMMAND + "if: false"), "unreachable", 6, 9),
        (pipeline(COMMAND + "if: ${{ '' }}"), "unreachable", 6, 9),
        (pipeline(COMMAND + "if: a = b"), "expression", 6, 11),
        (pipeline(COMMAND + "if: ${{ inputs.x }} == 1"), "expression", 6, 9),
        (pipeline("with: {command: x, working_directory: '${{ a'}"), "expression", 5, 44),
    ],
)
def test_each_mistake_is_found_where_it_stands(
    text: str, code: str, line: int, column: int
) -> None:
    assert (code, line, column) in found(text)


@pytest.mark.parametrize(
    ("text", "message", "remedy"),
    [
        ("nam: X\nsteps: []", "Unknown key `nam`", "Did you mean `name`?"),
        ("name: X\nsteps: [{name: A, uses: notfy}]", "no step type `notfy`", "mean `notify`?"),
        (pipeline("with: {command: x, comand: y}"), "Unknown key `comand`", "mean `command`?"),
        (pipeline("with: {}"), "`with` needs `command`", "Add `command: …`"),
        ("name: X\nsteps: [3]", "Entry 1 must be an object, not a whole number", ""),
        (pipeline(COMMAND + "parallel: []"), "`uses` has no place beside `parallel`", "Move it"),
        ("name: X\ntimeout_minutes: 999\nsteps: []", "must be at most 360", ""),
    ],
)
def test_messages_say_what_is_wrong_and_how_to_mend_it(
    text: str, message: str, remedy: str
) -> None:
    findings = lint(text, schemas=SCHEMAS)

    assert any(message in f.message and remedy in f.remedy for f in findings)


@pytest.mark.parametrize(
    ("reference", "complaint"),
    [
        ("nothing.x", "there is no `nothing`"),
        ("trigger.comit.title", "did you mean `commit`?"),
        ("trigger.commit.body", "there is no `body`"),
        ("trigger.branch.x", "has no members"),
        ("run.__class__", "there is no `__class__`"),
        ("steps.later.status", "no earlier step `later`"),
        ("steps.one.status", "no earlier step `one`"),
        ("steps.first.result", "there is no `result`"),
        ("inputs.unknown", "there is no `unknown`"),
        ("matrix.x", "there is no `x`"),
    ],
)
def test_an_unknown_reference_is_an_error_with_its_position(reference: str, complaint: str) -> None:
    text = (
        "name: X\nsteps:\n"
        "  - {name: First, uses: notify}\n"
        f"  - {{name: One, uses: notify, with: {{channel: 'a ${{{{ {reference} }}}}'}}}}\n"
        "  - {name: Later, uses: notify}\n"
    )

    (finding,) = lint(text, schemas=SCHEMAS)

    assert (finding.code, finding.severity) == ("unknown-reference", "error")
    assert complaint in finding.message
    assert finding.line == 4
    assert text.splitlines()[3][finding.column - 1 :].startswith(reference)


@pytest.mark.parametrize(
    "reference",
    [
        "STEPS.First.Status",
        "steps['first'].outputs.any.thing",
        "steps.*.outputs",
        "steps.previous.outputs.x",
        "trigger.changed_paths[0]",
        "trigger.body.any.thing",
        "toJSON(trigger)",
        "inputs.Target",
        "worker.labels[0]",
        "pipeline.slug",
    ],
)
def test_a_known_reference_passes(reference: str) -> None:
    text = (
        "name: X\non: {manual: {inputs: {target: {type: string}}}}\nsteps:\n"
        "  - {name: First, uses: notify}\n"
        f'  - {{name: One, uses: notify, with: {{channel: "${{{{ {reference} }}}}"}}}}\n'
    )

    assert lint(text, schemas=SCHEMAS) == []


HEAD = """\
on:
  workflow_dispatch:
    inputs:
      choice: {type: choice, options: [a]}
      flag: {type: boolean}
      number: {type: number}
      text: {type: string}
      untyped: {description: any}
"""


@pytest.mark.parametrize(
    ("expression", "is_safe"),
    [
        ("run.number", True),
        ("pipeline.slug", True),
        ("repository.full_name", True),
        ("worker.name", True),
        ("trigger.type", True),
        ("trigger.sha", True),
        ("TRIGGER['SHA']", True),
        ("inputs.choice", True),
        ("inputs.flag", True),
        ("inputs.number", True),
        ("'text'", True),
        ("inputs.text", False),
        ("inputs.untyped", False),
        ("inputs[format('te{0}', 'xt')]", False),
        ("toJSON(inputs)", False),
        ("inputs.*", False),
        ("trigger.branch", False),
        ("trigger.commit.title", False),
        ("trigger['commit'].title", False),
        ("toJSON(trigger)", False),
        ("trigger", False),
        ("steps.previous.outputs.x", False),
        ("env.TITLE", False),
        ("secrets.TOKEN", False),
        ("run.number == 1 && trigger.branch", False),
        ("format('{0}', trigger.actor)", False),
    ],
)
@pytest.mark.parametrize(
    "step",
    [
        'with: {command: "a ${{ E }}"}',
        'with: {command: x, scripts: [b, "${{ E }}"]}',
        'with: {command: x, shell: {prelude: "${{ E }}"}}',
        'with: {command: x}\ninputs: {command: "${{ E }}"}',
    ],
)
def test_foreign_text_never_enters_a_command(step: str, expression: str, is_safe: bool) -> None:
    text = pipeline(step.replace("E", expression), HEAD)

    codes = [finding.code for finding in lint(text, schemas=SCHEMAS)]

    assert ("untrusted-in-command" not in codes) is is_safe


def test_foreign_text_may_travel_as_environment() -> None:
    text = pipeline(COMMAND + 'env: {TITLE: "${{ trigger.commit.title }}"}')

    assert lint(text, schemas=SCHEMAS) == []


def test_a_secret_needs_the_declaration_of_its_step() -> None:
    use = COMMAND + 'env: {T: "${{ secrets.TOKEN }}"}\n'
    head = "secrets: [TOKEN]\n"

    assert found(pipeline(use, head)) == [("undeclared-secret", 7, 19)]
    assert found(pipeline(use + "secrets: [TOKEN]", head)) == []


def test_a_condition_sees_no_secret() -> None:
    for declared in ("", "secrets: [TOKEN]\n"):
        text = pipeline(COMMAND + declared + "if: always() && secrets.TOKEN", "secrets: [TOKEN]\n")
        assert [code for code, *_ in found(text)] == ["secret-in-condition"]


def test_an_undeclared_variable_is_a_warning() -> None:
    text = pipeline('with: {command: x, working_directory: "${{ env.NOPE }}"}')

    assert [(f.code, f.severity) for f in lint(text, schemas=SCHEMAS)] == [
        ("undeclared-env", "warning")
    ]


def test_a_position_inside_a_block_of_text_is_exact() -> None:
    text = pipeline("with:\n  command: |\n    echo one\n    echo ${{ trigger.branch }}")

    assert found(text) == [("untrusted-in-command", 8, 18)]


@pytest.mark.parametrize(
    ("second", "code"),
    [
        ("{name: One, uses: notify}", "duplicate-name"),
        ("{name: ONE!, uses: notify}", "duplicate-key"),
        ("{name: Two, key: one, uses: notify}", "duplicate-key"),
    ],
)
@pytest.mark.parametrize("place", ["", "finally:\n"])
def test_names_and_keys_are_unique_in_the_pipeline(place: str, second: str, code: str) -> None:
    text = f"name: X\nsteps:\n  - {{name: One, uses: notify}}\n{place}  - {second}\n"

    assert [finding.code for finding in lint(text, schemas=SCHEMAS)] == [code]


def test_members_of_a_group_do_not_see_each_other() -> None:
    text = (
        "name: X\nsteps:\n"
        "  - name: Checks\n"
        "    parallel:\n"
        "      - {name: A, uses: notify}\n"
        "      - {name: B, uses: notify, if: steps.a.status == 'success'}\n"
        "  - {name: C, uses: notify, if: steps.a.status == steps.b.status}\n"
    )

    assert found(text) == [("unknown-reference", 6, 37)]


def test_a_group_in_a_group_and_an_empty_group_are_refused() -> None:
    text = (
        "name: X\nsteps:\n"
        "  - name: Outer\n"
        "    parallel:\n"
        "      - name: Inner\n"
        "        parallel: [{name: A, uses: notify}]\n"
        "  - name: Empty\n"
        "    parallel: []\n"
    )

    assert found(text) == [("group", 6, 9), ("group", 8, 15)]


def test_the_lint_of_a_matrix_names_step_field_and_line() -> None:
    text = pipeline(COMMAND + "matrix: {a: [1, 2], exclude: [{a: 1}, {a: 2}]}")

    (finding,) = lint(text, schemas=SCHEMAS)
    assert finding.message == "`exclude` leaves no combination"
    assert (finding.pointer, finding.line) == ("/steps/0/matrix/exclude", 6)


def test_a_matrix_of_too_many_combinations_is_refused() -> None:
    values = ", ".join(map(str, range(20)))
    text = pipeline(COMMAND + f"matrix: {{a: [{values}], b: [{values}]}}")

    assert [f.message for f in lint(text, schemas=SCHEMAS)] == [
        "The matrix has more than 256 combinations"
    ]


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("'3.11'", ""), ("'${{ inputs.count }}'", ""),
        ("'${{ inputs.free }}'", "untrusted-in-command"),
        ("'${{ trigger.branch }}'", "untrusted-in-command"),
    ],
)  # fmt: skip
def test_a_matrix_may_stand_in_a_command_only_when_nobody_else_wrote_it(
    source: str, code: str
) -> None:
    text = (
        "name: X\non: {manual: {inputs: {count: {type: number}, free: {}}}}\nsteps:\n"
        "  - name: A\n    uses: run_command\n"
        f"    matrix: {{python: [{source}]}}\n"
        "    with: {command: 'tox ${{ matrix.python }}'}\n"
    )

    assert [f.code for f in lint(text, schemas=SCHEMAS)] == ([code] if code else [])


def test_a_name_may_hold_expressions_and_they_are_checked() -> None:
    text = (
        "name: X\nsteps:\n"
        "  - {name: 'Test ${{ matrix.os }}', key: t, uses: notify, matrix: {os: [linux]}}\n"
        "  - {name: 'Then ${{ steps.t.attempt }} ${{ matrix.os }}', uses: notify}\n"
    )

    assert [(f.code, f.line) for f in lint(text, schemas=SCHEMAS)] == [("unknown-reference", 4)]


def test_a_label_that_no_worker_has_is_a_warning() -> None:
    text = "name: X\nrunner_labels: [linux, gpu]\nsteps: [{name: A, uses: notify}]"

    assert found(text) == []
    assert found(text, known_labels=["linux"]) == [("unknown-label", 2, 24)]


def test_the_number_of_findings_is_bounded() -> None:
    references = "${{ nope }} " * 20_000
    steps = "- {}\n" * 40_000

    assert len(found(pipeline(f"with: {{command: x, working_directory: '{references}'}}"))) == 100
    assert 100 <= len(found(f"name: X\nsteps:\n{steps}")) <= 300


def test_every_known_feature_passes() -> None:
    flags = ", ".join(f"{name}: true" for name in FEATURES)

    assert found(f"name: X\nfeatures: {{{flags}}}\nsteps: [{{name: A, uses: notify}}]") == []


@pytest.mark.parametrize(
    "rule",
    [
        "{type: choice}",
        "{type: choice, options: [a], default: b}",
        "{type: number, default: 'x'}",
        "{type: boolean, default: 1}",
    ],
)
def test_an_input_whose_default_does_not_fit_is_an_error(rule: str) -> None:
    head = f"name: X\non: {{manual: {{inputs: {{a: {rule}}}}}}}\n"

    assert [code for code, *_ in found(head + "steps: [{name: A, uses: notify}]")] == ["input"]


@given(st.data())
def test_a_damaged_document_is_linted_without_an_exception(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(EXAMPLE)))
    end = data.draw(st.integers(start, min(len(EXAMPLE), start + 60)))
    inserted = data.draw(
        st.sampled_from(["", "3", "[]", "{}", "null", "\n", ": ", "'", "${{", "- "])
    )

    findings = lint(EXAMPLE[:start] + inserted + EXAMPLE[end:], schemas=SCHEMAS)

    assert all(finding.line >= 1 and finding.column >= 1 for finding in findings)


KEYS = st.sampled_from(
    ["name", "key", "on", "manual", "inputs", "push", "concurrency", "group", "env", "secrets",
     "features", "steps", "finally", "uses", "with", "if", "matrix", "parallel", "command", "x",
     "timeout_minutes", "runner_labels", "schedule", "type", "default", "options"]
)  # fmt: skip
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["", "x", "${{ a }}", "${{"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(KEYS, json_values, max_size=6))
def test_any_object_is_linted_without_an_exception(value: dict[str, object]) -> None:
    findings = lint(dump_yaml(value), schemas=SCHEMAS)

    assert all(finding.message for finding in findings)


@pytest.mark.parametrize(
    ("cache", "code", "place"),
    [
        ("{key: k}", "missing-key", "/steps/0/cache"),
        ("{key: k, paths: []}", "schema", "/steps/0/cache/paths"),
        ("{key: k, paths: [/etc]}", "path", "/steps/0/cache/paths/0"),
        ("{key: k, paths: [a, ../b]}", "path", "/steps/0/cache/paths/1"),
        ("{key: k, paths: ['~/../x']}", "path", "/steps/0/cache/paths/0"),
        ("{key: k, paths: [.]}", "path", "/steps/0/cache/paths/0"),
        ("{key: '${{ inputs.x }}', paths: [a]}", "unknown-reference", "/steps/0/cache/key"),
    ],
)
def test_a_cache_names_a_key_and_paths_inside(cache: str, code: str, place: str) -> None:
    findings = lint(pipeline(COMMAND + f"cache: {cache}"), schemas=SCHEMAS)

    assert (code, place) in [(finding.code, finding.pointer) for finding in findings]


def test_files_are_hashed_in_caches_only() -> None:
    key = "cache: {key: \"k-${{ hashFiles('a') }}\", paths: [a]}"
    assert found(pipeline(COMMAND + key)) == []

    text = pipeline(COMMAND + "if: hashFiles('a') == 'hashFiles'")
    (finding,) = lint(text, schemas=SCHEMAS)
    assert finding.message == "`hashFiles()` works in `cache` only"
