import htmx from "htmx.org";
import { dropSaved } from "./lib/drafts";
import { startForms } from "./lib/forms";
import { scaleBars, startLists } from "./lib/lists";
import { startLiveLists } from "./lib/live";
import { Palette } from "./lib/palette";
import { startPeeks } from "./lib/peeks";
import { startSurfaces } from "./lib/surfaces";
import { localise, startClock, startTips } from "./lib/time";
import { toast } from "./lib/toast";
import { startViews } from "./lib/views";

// The policy of our pages forbids inline styles and evaluated code.
htmx.config.includeIndicatorStyles = false;
htmx.config.allowEval = false;
htmx.config.historyCacheSize = 0;

localise();
scaleBars();
startClock();
startTips();
startSurfaces();
startLists();
startViews();
startPeeks();
dropSaved();
startForms();
startLiveLists();
new Palette().start();

for (const event of ["htmx:afterSettle", "powernode:part"]) {
  document.addEventListener(event, () => {
    localise();
    scaleBars();
  });
}
// A part that came anew may ask for itself again.
document.addEventListener("powernode:part", (event) => {
  const part = document.getElementById((event as CustomEvent<{ id: string }>).detail.id);
  if (part) htmx.process(part);
});
document.addEventListener("htmx:responseError", () => toast("The server refused. Reload the page and try again.", "error"));
document.addEventListener("htmx:sendError", () => toast("The server could not be reached. Check the connection and try again.", "error"));
