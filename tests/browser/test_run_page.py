"""The page of a run: live log, search, links, cancel, re-run, and why it failed."""

import re
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Watch
from tests.browser.site import Site
from tests.e2e.platform_process import wait_until

Visit = Callable[..., Page]
COUNTING = "i=1; while [ $i -le {lines} ]; do echo line $i; i=$((i+1)); sleep {pause}; done"


def rows(page: Page) -> list[tuple[int, str]]:
    """The log lines in the document, each with its number."""
    found: list[list[Any]] = page.eval_on_selector_all(
        ".log-row",
        "rows => rows.map(row => [Number(row.dataset.line),"
        " row.querySelector('.log-text')?.textContent ?? ''])",
    )
    return [(number, text) for number, text in found]


def row(page: Page, line: int) -> Locator:
    return page.locator(f".log-row[data-line='{line}']")


def assert_each_line_once(page: Page, lines: int) -> None:
    """Line n stands at row n, for every row from the first to the last."""
    seen: dict[int, str] = {}
    page.locator("[data-log-scroller]").focus()
    page.keyboard.press("Home")
    for _ in range(2 + lines // 20):
        found = rows(page)
        numbers = [number for number, _ in found]
        assert numbers == sorted(set(numbers))
        seen |= dict(found)
        page.keyboard.press("PageDown")
        page.evaluate("() => new Promise(done => requestAnimationFrame(() => done()))")
    assert seen == {number: f"line {number}" for number in range(1, lines + 1)}


def test_lines_appear_while_the_step_runs(site: Site, visit: Visit) -> None:
    made = site.pipeline("Live lines", COUNTING.format(lines=80, pause=0.05))
    run = site.trigger(made)
    page = visit(f"/runs/{run['id']}")
    expect(page.locator("#run-head .chip")).to_have_text("Running")
    expect(row(page, 20)).to_contain_text("line 20")
    assert site.run(run["id"])["status"] == "running"
    # It follows: the newest line is the one that can be seen.
    expect(row(page, 60)).to_be_in_viewport()
    expect(page.locator("#run-head .chip")).to_have_text("Success")
    expect(page.locator("[data-log-total]")).to_contain_text("80 lines")
    expect(page.get_by_role("button", name="Re-run")).to_be_visible()
    expect(row(page, 80)).to_be_in_viewport()
    assert_each_line_once(page, 80)


def test_a_cut_connection_loses_and_doubles_nothing(site: Site, visit: Visit, watch: Watch) -> None:
    watch.forgive(r"WebSocket connection|Failed to (load|fetch)|ERR_|NetworkError")
    made = site.pipeline("Cut lines", COUNTING.format(lines=160, pause=0.05))
    run = site.trigger(made)
    page = visit(f"/runs/{run['id']}")
    expect(row(page, 10)).to_be_visible()
    site.kill_web()
    expect(page.locator("#offline-note")).to_be_visible()
    site.await_web()
    site.finish(run)
    expect(page.locator("#run-head .chip")).to_have_text("Success")
    expect(page.locator("[data-log-total]")).to_contain_text("160 lines")
    expect(page.locator("#offline-note")).to_be_hidden()
    assert_each_line_once(page, 160)


def test_following_stops_when_one_scrolls_up_and_goes_on_at_the_end(
    site: Site, visit: Visit
) -> None:
    made = site.pipeline("Followed", COUNTING.format(lines=2000, pause=0.02))
    run = site.trigger(made)
    page = visit(f"/runs/{run['id']}")
    expect(row(page, 80)).to_be_in_viewport()
    page.locator("[data-log-scroller]").hover()
    page.mouse.wheel(0, -600)
    back = page.get_by_role("button", name="Jump to end")
    expect(back).to_be_visible()
    total = page.locator("[data-log-total]")
    before = rows(page)[0]
    shown = total.inner_text()
    expect(total).not_to_have_text(shown)
    assert rows(page)[0] == before
    back.click()
    expect(back).to_be_hidden()
    page.keyboard.press("f")
    expect(back).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Cancel the run").click()
    expect(page.locator("#run-head .chip")).to_have_text("Cancelled")
    expect(page.get_by_text("Cancelled by Operator")).to_be_visible()


def test_a_million_lines_scroll_with_few_nodes(site: Site, visit: Visit) -> None:
    run = site.trigger(site.pipeline("Million", "seq -f 'line %.0f' 1 1000000"))
    site.finish(run)
    page = visit(f"/runs/{run['id']}")
    expect(page.locator("[data-log-total]")).to_contain_text("1,000,000 lines")
    scroller = page.locator("[data-log-scroller]")
    scroller.focus()
    for fraction in (0.1, 0.5, 0.9, 0.33):
        page.evaluate(
            "part => { const s = document.querySelector('[data-log-scroller]');"
            " s.scrollTop = part * (s.scrollHeight - s.clientHeight); }",
            fraction,
        )
        near = int(1_000_000 * fraction)

        def has_arrived(near: int = near) -> bool:
            found = rows(page)
            number, text = found[0] if found else (0, "")
            return abs(number - near) < 5_000 and text == f"line {number}"

        wait_until(has_arrived, 15, f"the lines around {near}")
        assert len(rows(page)) <= 400
    page.keyboard.press("End")
    expect(row(page, 1_000_000)).to_be_in_viewport()
    expect(row(page, 1_000_000)).to_contain_text("line 1000000")
    page.goto(f"/runs/{run['id']}#L654321")
    page.reload()
    expect(row(page, 654_321)).to_be_in_viewport()
    expect(row(page, 654_321)).to_have_class(re.compile("is-target"))


def test_search_counts_hits_and_walks_them(site: Site, visit: Visit) -> None:
    run = site.trigger(site.pipeline("Searched", "seq -f 'item %.0f' 1 30000; echo needle"))
    site.finish(run)
    page = visit(f"/runs/{run['id']}")
    expect(row(page, 1)).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type("item 2999")
    hits = page.locator("[data-log-hits]")
    expect(hits).to_have_text("1/11")
    expect(row(page, 2999)).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(hits).to_have_text("2/11")
    expect(row(page, 29_990)).to_be_in_viewport()
    page.keyboard.press("Shift+Enter")
    expect(hits).to_have_text("1/11")
    page.get_by_label("Search the log").fill("no such thing")
    expect(hits).to_have_text("No hits")
    page.keyboard.press("Escape")
    expect(hits).to_be_empty()


def test_a_line_and_a_range_have_an_address(site: Site, visit: Visit) -> None:
    run = site.trigger(site.pipeline("Linked", "seq 1 500"))
    site.finish(run)
    page = visit(f"/runs/{run['id']}")
    row(page, 4).locator(".log-no").click()
    row(page, 7).locator(".log-no").click(modifiers=["Shift"])
    expect(page).to_have_url(re.compile(r"#L4-L7$"))
    page.get_by_role("button", name="Copy a link to the chosen lines").click()
    link = page.evaluate("() => navigator.clipboard.readText()")
    other = visit(link)
    expect(other.locator(".log-row.is-target")).to_have_count(4)


def copied(page: Page) -> str:
    """The clipboard's text, once a copy has been reported."""
    expect(page.locator(".toast").last).to_contain_text("copied")
    text: str = page.evaluate("() => navigator.clipboard.readText()")
    page.locator(".toast").last.get_by_role("button").click()
    expect(page.locator(".toast")).to_have_count(0)
    return text


def test_lines_or_the_whole_log_are_copied(site: Site, visit: Visit) -> None:
    run = site.trigger(site.pipeline("Copied", r"printf '\033[31mred\033[0m\n'; seq 2 5000"))
    site.finish(run)
    page = visit(f"/runs/{run['id']}")
    expect(row(page, 1)).to_contain_text("red")
    page.get_by_role("button", name="Copy the chosen lines, or all").click()
    assert copied(page).split("\n") == ["red", *map(str, range(2, 5001))]
    row(page, 4).locator(".log-no").click()
    row(page, 7).locator(".log-no").click(modifiers=["Shift"])
    page.keyboard.press("y")
    assert copied(page) == "4\n5\n6\n7"


def test_copying_works_on_a_page_without_tls(site: Site, visit: Visit) -> None:
    run = site.trigger(site.pipeline("Plain address", "seq 1 3"))
    site.finish(run)
    page = visit("/runs")
    # What browsers do on a page that is neither TLS nor loopback.
    page.add_init_script("delete Navigator.prototype.clipboard")
    page.goto(f"/runs/{run['id']}")
    expect(row(page, 3)).to_contain_text("3")
    page.get_by_role("button", name="Copy the chosen lines, or all").click()
    expect(page.locator(".toast")).to_contain_text("3 lines copied.")
    page.get_by_label("Search the log").focus()
    page.keyboard.press("Control+v")
    expect(page.get_by_label("Search the log")).to_have_value("1 2 3")


def test_a_log_that_could_not_be_loaded_is_read_again(
    site: Site, visit: Visit, watch: Watch
) -> None:
    watch.forgive(r"Failed to load resource|ERR_")
    run = site.trigger(site.pipeline("Read again", "seq 1 20"))
    site.finish(run)
    page = visit("/runs")
    logs = re.compile(r"/step_executions/[^/]+/logs\?")
    page.route(logs, lambda route: route.abort())
    page.goto(f"/runs/{run['id']}")
    expect(page.locator("[data-log-state]")).to_contain_text("could not be loaded")
    page.unroute(logs)
    page.get_by_role("button", name="Read the log again").click()
    expect(row(page, 20)).to_contain_text("20")
    expect(page.locator("[data-log-state]")).to_be_hidden()


def test_the_log_has_groups_times_wrapping_colours_and_a_raw_file(site: Site, visit: Visit) -> None:
    command = (
        "echo '::group::Packing'; echo inside; echo '::endgroup::';"
        r" printf '\033[31mred\033[0m \033[1mbold\033[0m\n'; printf 'x%.0s' $(seq 400); echo"
    )
    run = site.trigger(site.pipeline("Tools", command))
    site.finish(run)
    page = visit(f"/runs/{run['id']}")
    expect(page.locator(".fg-1")).to_have_text("red")
    expect(page.locator(".sgr-bold")).to_have_text("bold")
    expect(row(page, 2)).to_be_visible()
    page.get_by_role("button", name="Packing").click()
    expect(row(page, 2)).to_have_count(0)
    page.get_by_role("button", name="Packing").click()
    expect(row(page, 2)).to_contain_text("inside")
    page.get_by_role("button", name="Timestamps").click()
    expect(page.locator(".log-at").first).to_be_visible()
    tall = "node => node.getBoundingClientRect().height"
    assert row(page, 5).evaluate(tall) == 20
    page.get_by_role("button", name="Wrap lines").click()
    wait_until(lambda: row(page, 5).evaluate(tall) >= 40, 5, "the long line wraps")
    with page.expect_download() as started:
        page.get_by_role("link", name="Download the raw log").click()
    raw = started.value.path().read_text()
    assert "inside\n" in raw
    assert "x" * 400 in raw


def test_a_failed_run_opens_at_its_failing_line_and_says_why(site: Site, visit: Visit) -> None:
    command = "seq 1 300; echo 'ERROR: the stock is negative' >&2; seq 301 600; exit 3"
    run = site.trigger(site.pipeline("Failing", "echo fine", command, "echo never"))
    site.finish(run)
    page = visit(f"/runs/{run['id']}")
    expect(page.get_by_role("heading", name="Why it failed")).to_be_visible()
    expect(page.locator(".why")).to_contain_text("ERROR: the stock is negative")
    expect(page.locator("[data-log-title]")).to_have_text("Step 2")
    expect(page.locator(".log-row", has_text="the stock is negative")).to_be_in_viewport()
    expect(page.locator("[data-step-row]").nth(2)).to_contain_text("skip")
    page.locator("[data-step-row]").first.click()
    expect(row(page, 1)).to_contain_text("fine")
    page.go_back()
    expect(page.locator("[data-log-title]")).to_have_text("Step 2")


def test_a_run_that_waits_says_for_what_and_can_be_cancelled_by_key(
    site: Site, visit: Visit
) -> None:
    run = site.trigger(site.pipeline("Waiting", "echo never", runner_labels=["gpu"]))
    page = visit(f"/runs/{run['id']}")
    expect(page.get_by_text("No online worker has the label gpu")).to_be_visible()
    page.goto("/")
    expect(page.get_by_text("Waiting #1 waits")).to_be_visible()
    page.goto(f"/runs/{run['id']}")
    page.keyboard.press("x")
    expect(page.get_by_role("button", name="Cancel the run")).to_be_visible()
    page.get_by_role("button", name="Cancel the run").click()
    expect(page.locator("#run-head .chip")).to_have_text("Cancelled")


def test_a_re_run_is_a_new_attempt_linked_to_the_first(site: Site, visit: Visit) -> None:
    run = site.trigger(site.pipeline("Repeated", "echo once"))
    site.finish(run)
    page = visit(f"/runs/{run['id']}")
    page.keyboard.press("r")
    expect(page.locator(".attempts [aria-current]")).to_have_text("2")
    expect(page.locator("#run-head .chip")).to_have_text("Success")
    page.locator(".attempts a", has_text="1").click()
    expect(page).to_have_url(re.compile(run["id"]))


def test_the_demonstrations_tests_artifact_and_trigger_have_tabs(site: Site, visit: Visit) -> None:
    newest = site.api("GET", "/devops/pipeline_runs?status=success&trigger_type=push")["results"]
    page = visit(f"/runs/{newest[0]['id']}")
    page.get_by_role("link", name=re.compile("^Tests")).click()
    expect(page.get_by_text("test_a_negative_price_is_refused")).to_be_visible()
    expect(page.locator(".counts")).to_contain_text("5passed")
    page.keyboard.press("]")
    expect(page).to_have_url(re.compile("tab=artifacts"))
    with page.expect_download() as started:
        page.get_by_role("link", name="shop").last.click()
    assert started.value.path().stat().st_size > 500
    page.get_by_role("link", name="Trigger").click()
    expect(page.get_by_text("refs/heads/main").first).to_be_visible()


def test_a_summary_is_shown_as_harmless_markdown(site: Site, visit: Visit) -> None:
    command = (
        "printf '# Report\\n\\n| a | b |\\n|---|---|\\n| 1 | 2 |\\n\\n"
        '<script>window.hurt = 1</script>[x](javascript:alert(1))\\n\' >> "$POWERNODE_SUMMARY"'
    )
    run = site.trigger(site.pipeline("Summarised", command))
    site.finish(run)
    page = visit(f"/runs/{run['id']}?tab=summary")
    expect(page.get_by_role("heading", name="Report")).to_be_visible()
    expect(page.locator(".markdown td").first).to_have_text("1")
    assert page.evaluate("() => window.hurt") is None
    assert page.locator(".markdown a[href^='javascript']").count() == 0
