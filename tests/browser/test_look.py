"""Every page, narrow and wide, light and dark: nothing spills, nothing fails, all can be read."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.site import Site

Visit = Callable[..., Page]
# What is wider than the window although nothing around it scrolls.
SPILLS = """() => {
  const wide = document.documentElement.clientWidth;
  const scrolls = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const { overflowX, position } = getComputedStyle(at);
      if (/auto|scroll|hidden|clip/.test(overflowX)) return at !== document.body;
      if (position === 'fixed') return true;
    }
    return false;
  };
  return [...document.body.querySelectorAll('*')]
    .filter(node => node.getBoundingClientRect().right > wide + 1 && !scrolls(node))
    .map(node => node.outerHTML.slice(0, 120)).slice(0, 5)
    .concat(document.documentElement.scrollWidth > wide ? ['the document scrolls sideways'] : []);
}"""


# Text whose contrast to the nearest opaque ground is below WCAG's 4.5, or 3 for large text.
FAINT = """() => {
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = 1;
  const pen = canvas.getContext('2d', { willReadFrequently: true });
  const colour = (text) => {
    pen.clearRect(0, 0, 1, 1); pen.fillStyle = text; pen.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = pen.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const mix = (top, under, i) => top[i] * top[3] + under[i] * (1 - top[3]);
  const over = (top, under) => [0, 1, 2].map(i => mix(top, under, i)).concat(1);
  const ground = (node) => {
    const layers = [];
    for (let at = node; at; at = at.parentElement) {
      layers.push(colour(getComputedStyle(at).backgroundColor));
    }
    return layers.reverse().reduce((under, top) => over(top, under), [255, 255, 255, 1]);
  };
  const light = (c) => {
    const linear = v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    const [r, g, b] = c.map(v => linear(v / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const unread = '[disabled], [aria-disabled=true], .visually-hidden, .skip-link,'
    + ' dialog:not([open])';
  const isText = child => child.nodeType === 3 && child.textContent.trim();
  const faint = [];
  for (const node of document.body.querySelectorAll('*')) {
    const own = [...node.childNodes].some(isText);
    const box = node.getBoundingClientRect();
    if (!own || !box.width || node.closest(unread)) continue;
    const style = getComputedStyle(node);
    if (style.visibility === 'hidden') continue;
    const under = ground(node);
    const text = over(colour(style.color), under);
    const [a, b] = [light(text), light(under)];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const size = parseFloat(style.fontSize);
    const needed = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
    const words = node.textContent.trim().slice(0, 30);
    const where = `${node.tagName}.${node.className}`;
    if (ratio < needed) faint.push(`${ratio.toFixed(2)} ${where} ${words}`);
  }
  return [...new Set(faint)].slice(0, 8);
}"""


@pytest.fixture(scope="module")
def paths(site: Site) -> list[str]:
    """Every address of the dashboard, with data behind it."""
    long = site.pipeline("A pipeline whose name is so long that no phone can show it all", "true")
    failed = site.finish(site.trigger(site.pipeline("Spill", "printf 'x%.0s' $(seq 900); exit 1")))
    cached = site.pipeline("Cached")
    use = {
        "name": "Use", "step_type": "run_command", "configuration": {"command": "mkdir -p deps"},
        "cache": {"key": "a-key-so-long-that-no-phone-shows-it-" * 3, "paths": ["deps"]},
    }  # fmt: skip
    site.api("PATCH", f"/devops/pipelines/{cached['id']}", {"steps": [use]})
    site.finish(site.trigger(cached))
    again = site.api("POST", f"/devops/pipeline_runs/{failed['id']}/retry", {"from": "failed"})
    site.finish(again)
    run = site.api("GET", "/devops/pipeline_runs?status=success&trigger_type=push")["results"][0]
    shop = f"/devops/pipelines/{run['pipeline_id']}/tests"
    test = site.api("GET", shop)["results"][0]
    kept = site.api("GET", f"/devops/pipeline_runs/{run['id']}/artifacts")[0]
    event = site.api("GET", "/git/webhook_events")["results"][0]
    repository = site.facts["repository_id"]
    config = {"name": "Claude", "provider": "anthropic", "model": "claude-sonnet-5-5"}
    site.api("POST", "/devops/ai_configs", config)
    prompt = site.api("POST", "/devops/prompt_templates", {"name": "P", "content": "{{ a }}" * 99})
    return [
        "/", "/runs", "/pipelines", "/pipelines/new", "/repositories", "/repositories/new",
        "/workers", "/webhooks", f"/webhooks/{event['id']}", f"/repositories/{repository}",
        *(f"/runs/{run['id']}?tab={tab}" for tab in ("log", "tests", "artifacts", "trigger")),
        f"/runs/{run['id']}?tab=summary", f"/runs/{failed['id']}",
        f"/runs/{failed['id']}/rerun?step=step_1", f"/runs/{again['id']}?tab=attempts",
        *(f"/pipelines/shop-ci?tab={tab}" for tab in ("runs", "steps", "definition", "triggers")),
        "/pipelines/shop-ci/tests", f"/pipelines/shop-ci/tests/{test['id']}",
        f"/artifacts/{kept['id']}", "/pipelines/shop-ci?tab=settings",
        f"/pipelines/{long['slug']}/delete",
        "/pipelines/shop-ci/edit", f"/pipelines/{long['slug']}", "/docs/steps/policy_gate",
        *(f"/settings/{name}" for name in ("profile", "account", "members", "invitations")),
        *(f"/settings/{name}" for name in ("tokens", "secrets", "caches", "audit")),
        "/docker", "/docker/new",
        "/settings/ai", "/settings/ai/new", "/settings/prompts", "/settings/prompts/new",
        f"/settings/prompts/{prompt['id']}",
        "/accounts/email/", "/accounts/password/change/", "/accounts/2fa/", "/accounts/logout/",
    ]  # fmt: skip


@pytest.mark.parametrize("width", [360, 800, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_spills_or_fails(visit: Visit, paths: list[str], width: int, scheme: str) -> None:
    page = visit("/", width=width, color_scheme=scheme)
    found: dict[str, Any] = {}
    for path in paths:
        answer = page.goto(path)
        assert answer is not None
        assert answer.status == 200, path
        if spills := page.evaluate(SPILLS):
            found[path] = spills
    assert found == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_told_from_its_ground(visit: Visit, paths: list[str], scheme: str) -> None:
    page = visit("/", color_scheme=scheme)
    faint: dict[str, Any] = {}
    for path in paths:
        page.goto(path)
        if found := page.evaluate(FAINT):
            faint[path] = found
    assert faint == {}
