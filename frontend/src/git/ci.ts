import { all, closest, find } from "../lib/dom";
import { follow, restoreState, showState } from "../lib/live";
import { refreshParts, settled } from "../lib/parts";
import { toast } from "../lib/toast";
import { LogPanel } from "../log/panel";
import { placeBars } from "../waterfall";
import { JobLog } from "./joblog";

const page = find<HTMLElement>("[data-ci-page]");
if (page) start(page);

function start(root: HTMLElement): void {
  const refresh = settled(() => refreshParts(["ci-head", "ci-gates", "ci-jobs"]), 300);
  const logRoot = find<HTMLElement>("[data-log]", root);
  let log: JobLog | null = null;
  let current = "";
  let told = "";

  const events = {
    hasFailed: (): boolean => find<HTMLElement>(`[data-step-row="${CSS.escape(current)}"]`)?.dataset.status === "failure",
    onStatus: (status: string, conclusion: string): void => {
      const news = `${current} ${status} ${conclusion}`;
      if (told !== "" && told !== news) refresh();
      told = news;
    },
    onProblem: (text: string): void => showProblem(text),
  };
  const panel = logRoot ? new LogPanel(logRoot, (url, socketUrl) => (log = new JobLog(url, socketUrl, events))) : null;

  const choose = (id: string, isPushed: boolean): void => {
    const row = find<HTMLElement>(`[data-step-row="${CSS.escape(id)}"]`);
    if (!row || !panel || current === id) return;
    current = id;
    told = "";
    mark(id);
    if (isPushed) history.pushState({ job: id }, "", `?job=${id}`);
    panel.show({ id, name: row.dataset.stepName ?? "", openAtLine: null });
  };

  document.addEventListener("click", (event) => {
    if (closest(event, "[data-ci-refresh]")) {
      log?.refresh();
      toast("The host is asked again.", "info");
      return;
    }
    const row = closest<HTMLElement>(event, "[data-step-row]");
    if (!row || !panel || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    choose(row.dataset.stepRow ?? "", true);
    if (matchMedia("(max-width: 859.98px)").matches) logRoot?.scrollIntoView({ block: "start" });
  });
  window.addEventListener("popstate", () => choose(wanted(), false));
  document.addEventListener("powernode:part", () => {
    mark(current);
    placeBars();
    restoreState();
    if (!find(`[data-step-row="${CSS.escape(current)}"]`)) choose(wanted(), false);
  });
  placeBars();
  choose(wanted(), false);
  window.setInterval(() => {
    if (!document.hidden && find("#ci-jobs [data-started][data-status=running]")) placeBars();
  }, 1000);

  follow(root.dataset.liveTopic ?? "", root.dataset.liveSeq ?? "", {
    state: showState,
    reset: refresh,
    host: (frame) => {
      if (isAbout(frame, root.dataset.ciPage ?? "")) refresh();
    },
  });
}

function isAbout(frame: Record<string, unknown>, id: string): boolean {
  const run = frame.git_pipeline as { id?: string } | undefined;
  const job = frame.git_job as { git_pipeline_id?: string } | undefined;
  return run?.id === id || job?.git_pipeline_id === id || frame.git_pipeline_id === id;
}

function wanted(): string {
  const named = new URLSearchParams(location.search).get("job");
  return named || find<HTMLElement>("#ci-jobs")?.dataset.current || find<HTMLElement>("[data-step-row]")?.dataset.stepRow || "";
}

function mark(id: string): void {
  for (const row of all("[data-step-row]")) {
    if (row.getAttribute("data-step-row") === id) row.setAttribute("aria-current", "true");
    else row.removeAttribute("aria-current");
  }
}

// The log goes on being fetched; the reason stands where the first line would.
function showProblem(text: string): void {
  const empty = find<HTMLElement>("[data-log-empty]");
  if (empty && !empty.hidden) empty.textContent = text;
  else toast(text, "warning");
}
