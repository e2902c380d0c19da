import { listSteps } from "./document";

/** Who is asked before a step, as the form shows it. */
export interface Approval {
  recipients: string;
  hours: string;
  required: string;
  needsComment: boolean;
  allowsSelf: boolean;
}

const NONE: Approval = { recipients: "", hours: "", required: "", needsComment: false, allowsSelf: false };

/** What a step's `approval` says; "by hand" for one over several lines, which only the text shows. */
export function readApproval(text: string, at: number): Approval | "by hand" | null {
  const place = lineOf(text, at);
  if (!place) return null;
  const value = place.value.replace(/\s+#.*$/, "");
  if (value === "true") return { ...NONE };
  if (value === "false") return null;
  if (!/^\{.*\}$/.test(value)) return "by hand";
  const word = (key: string): string => new RegExp(`[{,]\\s*${key}:\\s*([^,}\\]]*)`).exec(value)?.[1]?.trim() ?? "";
  const list = /[{,]\s*recipients:\s*\[([^\]]*)\]/.exec(value)?.[1] ?? "";
  return {
    recipients: list.split(",").map((each) => each.trim().replace(/^["']|["']$/g, "")).filter(Boolean).join(", "),
    hours: word("timeout_hours"),
    required: word("required"),
    needsComment: word("require_comment") === "true",
    allowsSelf: word("allow_self_approval") === "true",
  };
}

/** The document with a step's `approval` set in one line, or taken away. */
export function writeApproval(text: string, at: number, approval: Approval | null): string {
  const step = listSteps(text)[at];
  const place = lineOf(text, at);
  if (!step || (place && readApproval(text, at) === "by hand")) return text;
  const lines = text.split("\n");
  const indent = " ".repeat((lines[step.from] ?? "").search(/\S/) + 2);
  const written = approval ? [`${indent}approval: ${words(approval)}`] : [];
  if (place) lines.splice(place.line, 1, ...written);
  else lines.splice(step.to, 0, ...written);
  return lines.join("\n");
}

function words(approval: Approval): string {
  const parts: string[] = [];
  const people = approval.recipients.split(/[\s,;]+/).filter(Boolean);
  if (people.length > 0) parts.push(`recipients: [${people.map((each) => JSON.stringify(each)).join(", ")}]`);
  if (approval.hours.trim() !== "") parts.push(`timeout_hours: ${approval.hours.trim()}`);
  if (approval.required.trim() !== "" && approval.required.trim() !== "1") parts.push(`required: ${approval.required.trim()}`);
  if (approval.needsComment) parts.push("require_comment: true");
  if (approval.allowsSelf) parts.push("allow_self_approval: true");
  return parts.length > 0 ? `{${parts.join(", ")}}` : "true";
}

function lineOf(text: string, at: number): { line: number; value: string } | null {
  const step = listSteps(text)[at];
  if (!step) return null;
  const lines = text.split("\n");
  const indent = (lines[step.from] ?? "").search(/\S/) + 2;
  for (let line = step.from + 1; line < step.to; line += 1) {
    const match = /^( *)approval:[ \t]*(.*?)[ \t]*$/.exec(lines[line] ?? "");
    if (match && match[1]?.length === indent) return { line, value: match[2] ?? "" };
  }
  return null;
}
