import { el, icon } from "./dom";

export type Status =
  | "pending" | "queued" | "running" | "waiting" | "success" | "failure" | "cancelled" | "skipped" | "warning";

const CHIPS: Record<Status, { label: string; icon: string }> = {
  pending: { label: "Pending", icon: "clock" },
  queued: { label: "Queued", icon: "hourglass" },
  running: { label: "Running", icon: "loader-2" },
  waiting: { label: "Waiting", icon: "hand-stop" },
  success: { label: "Success", icon: "circle-check" },
  failure: { label: "Failure", icon: "circle-x" },
  cancelled: { label: "Cancelled", icon: "ban" },
  skipped: { label: "Skipped", icon: "player-skip-forward" },
  warning: { label: "Warning", icon: "alert-triangle" },
};
const PEOPLE = new Set(["approval", "trust", "decision"]);

/** What the chip says: a live object that waits for a person is `waiting`. */
export function chipStatus(status: string, waitingFor = ""): Status {
  if (status === "waiting_approval") return "waiting";
  if (PEOPLE.has(waitingFor) && !isFinished(status)) return "waiting";
  return status in CHIPS ? (status as Status) : "pending";
}

export function isFinished(status: string): boolean {
  return ["success", "failure", "cancelled", "skipped"].includes(status);
}

/** The chip of `components/chip.html`, built in place of the one that is shown. */
export function updateChip(old: Element, status: Status): void {
  if (old.getAttribute("data-status") === status) return;
  const { label, icon: name } = CHIPS[status];
  const bare = old.classList.contains("chip-bare");
  const chip = el("span", { class: old.className, "data-status": status }, icon(name),
    el("span", bare ? { class: "visually-hidden" } : {}, label));
  if (bare) chip.dataset.tip = label;
  old.replaceWith(chip);
}
