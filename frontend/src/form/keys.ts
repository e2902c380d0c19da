// The keys of a document in the order in which people write them.

export const TOP_KEYS = ["name", "key", "type", "description", "on", "concurrency", "timeout_minutes", "runner_labels", "image", "services", "env", "secrets", "features", "notifications", "steps", "finally"];
export const ON_KEYS = ["push", "pull_request", "issue", "issue_comment", "release", "schedule", "manual", "workflow_dispatch", "webhook"];
export const STEP_KEYS = [
  "name", "key", "uses", "if", "approval", "with", "inputs", "env", "secrets", "timeout_minutes", "retry", "matrix", "cache", "image", "services", "outputs",
  "continue_on_error", "enabled", "parallel", "fail_fast", "max_parallel",
];
