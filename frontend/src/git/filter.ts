import { all, el, find } from "../lib/dom";
import { branchPasses, type FilterType } from "./branches";

const EXAMPLES: Record<FilterType, string> = { none: "", exact: "main", wildcard: "release/**", regex: "^release/\\d+\\.\\d+$" };

/** The branch filter's form: which of the example branches pass what is typed so far. */
export function startBranchFilter(): void {
  const form = find<HTMLFormElement>("form[data-branch-filter]");
  const type = find<HTMLSelectElement>("select[name=branch_filter_type]", form ?? undefined);
  const pattern = find<HTMLInputElement>("input[name=branch_filter]", form ?? undefined);
  const box = find<HTMLElement>("[data-filter-pattern]", form ?? undefined);
  if (!form || !type || !pattern || !box) return;

  const draw = (): void => {
    const chosen = type.value as FilterType;
    box.hidden = chosen === "none";
    pattern.placeholder = EXAMPLES[chosen];
    const outcomes = all<HTMLElement>("[data-branch]", form).map((chip) => {
      const passes = branchPasses(chosen, pattern.value, chip.dataset.branch ?? "");
      chip.dataset.status = passes === true ? "success" : "skipped";
      find("[data-branch-word]", chip)?.replaceChildren(passes === true ? "passes" : "does not pass");
      return passes;
    });
    complain(outcomes.includes(null));
  };
  const complain = (isBroken: boolean): void => {
    const field = pattern.closest(".field");
    pattern.setAttribute("aria-invalid", String(isBroken));
    find(".field-error[data-client]", field ?? undefined)?.remove();
    if (isBroken && field && !find(".field-error", field)) field.append(el("span", { class: "field-error", "data-client": "", role: "alert" }, "This is no regular expression: nothing would pass."));
  };
  type.addEventListener("change", draw);
  pattern.addEventListener("input", draw);
  draw();
}
