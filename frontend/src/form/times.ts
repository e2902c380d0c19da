// What a cron expression means and when it comes next, asked of the server once for each.

import { api } from "../lib/api";
import { el } from "../lib/dom";
import type { Session } from "./session";

export interface Coming {
  words?: string;
  times?: string[];
  problem?: string;
}

// Milliseconds without another key, so that not every one is asked about.
const PAUSE = 400;

/** The sentence below a time of a schedule; nothing until the server has answered. */
export function coming(session: Session, cron: string, zone: string): HTMLElement[] {
  const key = `${zone} ${cron}`;
  const known = session.times.get(key);
  if (known === undefined && cron !== "") ask(session, key, cron, zone);
  if (!known?.times) return [];
  return [el("p", { class: "field-help" }, `${known.words ?? cron}. Next: ${known.times.join(", ")}.`)];
}

function ask(session: Session, key: string, cron: string, zone: string): void {
  session.times.set(key, {});
  window.setTimeout(() => {
    if (!session.isShown(cron)) {
      session.times.delete(key);
      return;
    }
    // Without an answer the field does without the sentence; the linter says what is wrong.
    api<Coming>(`/schedules/times?${new URLSearchParams({ cron, timezone: zone }).toString()}`)
      .then((answer) => {
        session.times.set(key, answer);
        session.redraw();
      }, () => session.times.delete(key));
  }, PAUSE);
}
