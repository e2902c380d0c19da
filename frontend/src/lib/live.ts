import { all, find, icon } from "./dom";
import { refreshParts, settled } from "./parts";
import { updateProgress } from "./progress";
import { type Frame, ResumingSocket, type SocketState } from "./socket";
import { chipStatus, updateChip } from "./status";
import { localise } from "./time";

export interface RunNews {
  id: string;
  status: string;
  waiting_for: string;
  waiting_detail: string;
  started_at: string | null;
  completed_at: string | null;
  duration_seconds: number | null;
  progress_percentage: number;
  steps_done?: number;
  steps_total?: number;
  error_message: string;
  pipeline_id: string;
}

export interface StepNews {
  id: string;
  step_name: string;
  status: string;
  started_at: string | null;
  completed_at: string | null;
  duration_seconds: number | null;
}

export interface Handlers {
  run?: (run: RunNews, type: string) => void;
  step?: (step: StepNews, run: RunNews) => void;
  /** A question to people was asked, answered or ended. */
  approval?: () => void;
  /** What the git hosts told of: their own runs and jobs, approvals, deliveries. */
  host?: (frame: Frame) => void;
  reset: () => void;
  state: (state: SocketState) => void;
}

const HOST_NEWS = new Set(["git_pipeline_updated", "git_job_updated", "approval_status", "webhook_event_updated"]);

/** The news of an account, a pipeline or a run, each message once and in order. */
export function follow(topic: string, seq: string, handlers: Handlers): ResumingSocket {
  let last = Number(seq || "0");
  return new ResumingSocket({
    address: () => `/ws/devops/pipelines?${topic}&after=${last}`,
    onState: handlers.state,
    onFrame: (frame: Frame) => {
      if (frame.type === "reset") {
        handlers.reset();
        return;
      }
      const position = Number(frame.seq);
      if (frame.type === "subscribed" || !(position > last)) return;
      last = position;
      if (HOST_NEWS.has(frame.type)) handlers.host?.(frame);
      if (frame.type === "step_update") handlers.approval?.();
      const run = frame.pipeline_run as RunNews | undefined;
      if (!run) return;
      if (frame.type.startsWith("run_")) handlers.run?.(run, frame.type);
      if (frame.step_execution) handlers.step?.(frame.step_execution as StepNews, run);
    },
  });
}

let shownState: SocketState | null = null;

/** Show a connection's state where a page has a dot for it, and as a note when it is lost. */
export function showState(state: SocketState): void {
  shownState = state;
  const words: Record<SocketState, string> = { connecting: "Connecting…", live: "Live", reconnecting: "Reconnecting…", closed: "Not live" };
  for (const dot of all<HTMLElement>("[data-live-dot]")) {
    dot.dataset.state = state;
    dot.textContent = words[state];
  }
  const note = find<HTMLElement>("#offline-note");
  if (note) note.hidden = state !== "reconnecting";
}

/** Show the last known state again, in a part of the page that came anew. */
export function restoreState(): void {
  if (shownState !== null) showState(shownState);
}

/** Bring what shows a duration up to date: running ones count, finished ones stand. */
export function updateDuration(element: HTMLElement | null, startedAt: string | null, seconds: number | null): void {
  if (!element) return;
  delete element.dataset.since;
  delete element.dataset.durationMs;
  if (seconds !== null) element.dataset.durationMs = String(seconds * 1000);
  else if (startedAt) element.dataset.since = startedAt;
  localise(element.parentElement ?? document);
}

/** Lists of runs that change as runs do; new ones wait behind a button. */
export function startLiveLists(): void {
  const list = find<HTMLElement>("[data-live]");
  if (!list) return;
  const fresh = new Set<string>();
  const parts = (list.dataset.liveParts ?? list.id).split(" ");
  const refresh = settled(() => refreshParts(parts), 400);
  follow(list.dataset.live ?? "", list.dataset.liveSeq ?? "", {
    state: showState,
    reset: refresh,
    host: () => {
      if ("liveRefresh" in list.dataset) refresh();
    },
    approval: () => {
      if ("liveRefresh" in list.dataset) refresh();
    },
    run: (run, type) => {
      const row = find<HTMLElement>(`[data-run="${CSS.escape(run.id)}"]`);
      updatePipelines(run);
      if (row) updateRow(row, run);
      else if (type === "run_created" && "liveQueue" in list.dataset) announce(fresh.add(run.id), refresh);
      if ("liveRefresh" in list.dataset) refresh();
    },
    step: (step, run) => {
      const row = find<HTMLElement>(`[data-run="${CSS.escape(run.id)}"]`);
      if (row) updateProgress(row, run, step);
      tell(run);
    },
  });
  document.addEventListener("powernode:part", () => {
    restoreState();
    fresh.clear();
    announce(fresh, refresh);
  });
}

function updateRow(row: HTMLElement, run: RunNews): void {
  const chip = find(".chip", row);
  if (chip) updateChip(chip, chipStatus(run.status, run.waiting_for));
  updateDuration(find<HTMLElement>(".duration", row), run.started_at, run.duration_seconds);
  const sentence = find<HTMLElement>("[data-waiting]", row);
  if (sentence) sentence.textContent = run.waiting_detail;
  updateProgress(row, run, null);
  tell(run);
  row.classList.remove("is-changed");
  window.requestAnimationFrame(() => row.classList.add("is-changed"));
}

/** What shows a pipeline's last run: keys of runs are in the order of time. */
function updatePipelines(run: RunNews): void {
  for (const row of all<HTMLElement>(`[data-pipeline="${CSS.escape(run.pipeline_id)}"]`)) {
    const chip = find(".chip", row);
    if (!chip || run.id < (row.dataset.lastRun ?? "")) continue;
    row.dataset.lastRun = run.id;
    updateChip(chip, chipStatus(run.status, run.waiting_for));
  }
}

function tell(run: RunNews): void {
  document.dispatchEvent(new CustomEvent("powernode:run", { detail: { id: run.id } }));
}

function announce(fresh: Set<string>, refresh: () => void): void {
  const box = find<HTMLElement>("#new-rows");
  const button = find<HTMLButtonElement>("#new-rows button");
  if (!box || !button) return;
  box.hidden = fresh.size === 0;
  button.replaceChildren(icon("arrow-up"), `${fresh.size} new ${fresh.size === 1 ? "run" : "runs"}`);
  button.onclick = refresh;
}
