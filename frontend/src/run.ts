import { all, closest, find } from "./lib/dom";
import { follow, restoreState, type RunNews, showState, type StepNews, updateDuration } from "./lib/live";
import { refreshParts, settled } from "./lib/parts";
import { chipStatus, isFinished, updateChip } from "./lib/status";
import { localise } from "./lib/time";
import { LogPanel } from "./log/panel";
import { placeBars } from "./waterfall";

const page = find<HTMLElement>("[data-run-page]");
const panelRoot = find<HTMLElement>("[data-log]");
if (page) start(page);

function start(root: HTMLElement): void {
  const panel = panelRoot ? new LogPanel(panelRoot) : null;
  const refresh = settled(() => refreshParts(["run-head", "run-tabs", "run-why", "run-gates", "run-steps"]), 250);
  let current = "";

  const choose = (id: string, isPushed: boolean): void => {
    const row = find<HTMLElement>(`[data-step-row="${CSS.escape(id)}"]`);
    if (!row || !panel || current === id) return;
    current = id;
    mark(id);
    if (isPushed) history.pushState({ step: id }, "", `?step=${id}`);
    const line = Number(row.dataset.openAtLine ?? "");
    panel.show({ id, name: row.dataset.stepName ?? "", openAtLine: line > 0 ? line : null });
  };

  document.addEventListener("click", (event) => {
    const row = closest<HTMLElement>(event, "[data-step-row]");
    if (!row || !panel || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    choose(row.dataset.stepRow ?? "", true);
    if (matchMedia("(max-width: 859.98px)").matches) panelRoot?.scrollIntoView({ block: "start" });
  });
  window.addEventListener("popstate", () => choose(new URLSearchParams(location.search).get("step") ?? first(), false));
  document.addEventListener("powernode:part", () => {
    mark(current);
    placeBars();
    restoreState();
    if (!find(`[data-step-row="${CSS.escape(current)}"]`)) choose(first(), false);
  });

  placeBars();
  choose(new URLSearchParams(location.search).get("step") ?? first(), false);
  window.setInterval(() => {
    if (!document.hidden && find("#run-steps [data-started][data-status=running]")) placeBars();
  }, 1000);

  if (root.dataset.live === undefined) return;
  // While somebody watches, the view goes along with the work; a choice of one's own ends that.
  let isGoingAlong = !location.search.includes("step=") && location.hash === "";
  document.addEventListener("click", (event) => {
    if (closest(event, "[data-step-row]")) isGoingAlong = false;
  });
  const socket = follow(root.dataset.live, root.dataset.liveSeq ?? "", {
    state: showState,
    reset: refresh,
    run: (run, type) => {
      updateHead(run);
      refresh();
      if (type === "run_completed") socket.close();
    },
    approval: refresh,
    step: (step) => {
      if (!updateStep(step) || isFinished(step.status)) refresh();
      if (step.status === "running" && isGoingAlong) choose(step.id, false);
    },
  });
}

function first(): string {
  return find<HTMLElement>("#run-steps")?.dataset.current || find<HTMLElement>("[data-step-row]")?.dataset.stepRow || "";
}

function mark(id: string): void {
  for (const row of all("[data-step-row]")) {
    if (row.getAttribute("data-step-row") === id) row.setAttribute("aria-current", "true");
    else row.removeAttribute("aria-current");
  }
  offerRerun(id);
}

/** The entry "From this step on" of the menu follows the chosen step. */
function offerRerun(id: string): void {
  const row = find<HTMLElement>(`[data-step-row="${CSS.escape(id)}"]`);
  const from = find<HTMLInputElement>("[data-rerun-from] [name=from]");
  const name = find<HTMLElement>("[data-rerun-name]");
  if (!row?.dataset.stepKey || !from || !name) return;
  from.value = row.dataset.stepKey;
  name.textContent = row.dataset.stepName ?? row.dataset.stepKey;
}

function updateHead(run: RunNews): void {
  const chip = find("#run-head .chip");
  if (chip) updateChip(chip, chipStatus(run.status, run.waiting_for));
  updateDuration(find<HTMLElement>("#run-head .duration"), run.started_at, run.duration_seconds);
  const progress = find<HTMLProgressElement>("#run-head progress");
  if (progress && Number.isFinite(run.progress_percentage)) progress.value = run.progress_percentage;
}

function updateStep(step: StepNews): boolean {
  const row = find<HTMLElement>(`[data-step-row="${CSS.escape(step.id)}"]`);
  if (!row) return false;
  const chip = find(".chip", row);
  if (chip) updateChip(chip, chipStatus(step.status));
  row.dataset.status = step.status;
  if (step.started_at) row.dataset.started = step.started_at;
  if (step.duration_seconds !== null) row.dataset.ms = String(step.duration_seconds * 1000);
  updateDuration(find<HTMLElement>(".duration", row), step.started_at, step.duration_seconds);
  placeBars();
  localise(row);
  return true;
}
