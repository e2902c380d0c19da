import { meta } from "./dom";

/** What the API answered instead of success: RFC 9457, or as much of it as came. */
export class ApiError extends Error {
  constructor(readonly status: number, readonly title: string, readonly detail: string) {
    super(detail ? `${title}: ${detail}` : title);
  }
}

interface Options {
  method?: "GET" | "POST";
  body?: unknown;
  signal?: AbortSignal;
}

/** JSON from our API as the signed-in person, in the account of this page. */
export async function api<T>(path: string, options: Options = {}): Promise<T> {
  const headers: Record<string, string> = { Accept: "application/json", "X-CSRFToken": meta("csrf-token") };
  const account = meta("account");
  if (account) headers["X-Powernode-Account"] = account;
  const request: RequestInit = { method: options.method ?? "GET", headers, credentials: "same-origin" };
  if (options.signal) request.signal = options.signal;
  if (options.body !== undefined) {
    headers["Content-Type"] = "application/json";
    request.body = JSON.stringify(options.body);
  }
  const response = await fetch(path, request);
  if (!response.ok) throw await problem(response);
  return (await response.json()) as T;
}

async function problem(response: Response): Promise<ApiError> {
  const fallback = `The server answered ${response.status}`;
  if (!(response.headers.get("Content-Type") ?? "").includes("json")) {
    return new ApiError(response.status, fallback, "");
  }
  const body = (await response.json()) as { title?: string; detail?: string };
  return new ApiError(response.status, body.title ?? fallback, body.detail ?? "");
}
