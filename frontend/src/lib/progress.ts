import { find } from "./dom";
import type { RunNews, StepNews } from "./live";
import { isFinished } from "./status";

const UNDER_WAY = new Set(["running", "waiting_approval"]);

/** How far a run has come, in words. */
export function progressWords(done: number, total: number, step: string): string {
  return `${done} of ${total}${step ? ` · ${step}` : ""}`;
}

/** Bring `components/run_progress.html` and the sentence of a failure in a row up to date. */
export function updateProgress(row: HTMLElement, run: RunNews, step: StepNews | null): void {
  const box = find<HTMLElement>("[data-progress]", row);
  if (box) {
    if (step && UNDER_WAY.has(step.status)) box.dataset.step = step.step_name;
    // Messages of older versions do not say the numbers.
    box.dataset.done = String(run.steps_done ?? box.dataset.done ?? 0);
    box.dataset.steps = String(run.steps_total ?? box.dataset.steps ?? 0);
    box.hidden = isFinished(run.status) || run.started_at === null;
    const bar = find<HTMLProgressElement>("progress", box);
    if (bar) bar.value = run.progress_percentage;
    const words = find("[data-progress-words]", box);
    if (words) words.textContent = progressWords(Number(box.dataset.done), Number(box.dataset.steps), box.dataset.step ?? "");
  }
  const error = find<HTMLElement>("[data-error]", row);
  if (error) {
    error.hidden = run.status !== "failure";
    error.textContent = error.hidden ? "" : run.error_message;
  }
}
