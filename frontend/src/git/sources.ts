import { closest, find } from "../lib/dom";
import { startChoosing } from "./choosing";
import { startBranchFilter } from "./filter";

startBranchFilter();
startChoosing();

document.addEventListener("click", (event) => {
  const button = closest<HTMLElement>(event, "[data-reveal]");
  const field = button ? find<HTMLInputElement>(button.dataset.reveal ?? "") : null;
  if (!button || !field) return;
  const isShown = field.type === "password";
  field.type = isShown ? "text" : "password";
  button.setAttribute("aria-pressed", String(isShown));
});
