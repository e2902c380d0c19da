export type FilterType = "none" | "exact" | "wildcard" | "regex";

const PIECES: Record<string, string> = { "**": "[\\s\\S]*", "*": "[^/]*", "?": "[\\s\\S]" };

/** The expression of a wildcard, anchored at both ends, as the server reads it. */
function wildcard(pattern: string): RegExp {
  const parts = pattern.split(/(\*\*|\*|\?)/).map((part) => PIECES[part] ?? part.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&"));
  return new RegExp(`^${parts.join("")}$`);
}

/** Whether a branch passes a filter; null when the expression is none. */
export function branchPasses(type: FilterType, pattern: string, branch: string): boolean | null {
  if (type === "none" || pattern === "") return true;
  if (type === "exact") return branch === pattern;
  if (type === "wildcard") return wildcard(pattern).test(branch);
  try {
    return new RegExp(pattern).test(branch);
  } catch {
    // What cannot be read lets nothing pass; the page says so beside the field.
    return null;
  }
}
