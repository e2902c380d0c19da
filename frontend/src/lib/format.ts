/** A duration as people read it: `40ms`, `12.3s`, `1m 04s`, `2h 05m`, `3d 04h`. */
export function formatDuration(milliseconds: number): string {
  if (!Number.isFinite(milliseconds) || milliseconds < 0) return "–";
  if (milliseconds < 999.5) return milliseconds < 1 ? "0s" : `${Math.round(milliseconds)}ms`;
  if (milliseconds < 59_950) return `${(milliseconds / 1000).toFixed(1)}s`;
  const total = Math.round(milliseconds / 1000);
  const two = (value: number): string => String(value).padStart(2, "0");
  if (total < 3600) return `${Math.floor(total / 60)}m ${two(total % 60)}s`;
  const minutes = Math.round(total / 60);
  if (minutes < 1440) return `${Math.floor(minutes / 60)}h ${two(minutes % 60)}m`;
  const hours = Math.round(minutes / 60);
  return `${Math.floor(hours / 24)}d ${two(hours % 24)}h`;
}

/** A moment seen from `now`: `just now`, `4m ago`, `in 2h`, `3d ago`; older ones as a date. */
export function formatRelative(moment: Date, now: Date): string {
  const seconds = Math.round((now.getTime() - moment.getTime()) / 1000);
  const distance = Math.abs(seconds);
  if (distance < 10) return "just now";
  const text = distanceText(distance);
  if (text === null) return formatDay(moment, now);
  return seconds > 0 ? `${text} ago` : `in ${text}`;
}

function distanceText(seconds: number): string | null {
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)}h`;
  if (seconds < 14 * 86_400) return `${Math.floor(seconds / 86_400)}d`;
  return null;
}

function formatDay(moment: Date, now: Date): string {
  const options: Intl.DateTimeFormatOptions = { day: "numeric", month: "short" };
  if (moment.getUTCFullYear() !== now.getUTCFullYear()) options.year = "numeric";
  return new Intl.DateTimeFormat("en-GB", options).format(moment);
}

/** The whole moment in a time zone, for hovering and focus. */
export function formatAbsolute(moment: Date, timeZone: string | undefined): string {
  const options: Intl.DateTimeFormatOptions = {
    day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit",
    hourCycle: "h23", timeZoneName: "short",
  };
  if (timeZone) options.timeZone = timeZone;
  return new Intl.DateTimeFormat("en-GB", options).format(moment);
}

/** A number of bytes in units of 1024: `512 B`, `4.2 kB`, `1.3 MB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const units = ["kB", "MB", "GB", "TB"];
  let value = bytes / 1024;
  let unit = 0;
  while (value >= 1023.95 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value.toFixed(1)} ${units[unit]}`;
}

export function formatCount(value: number): string {
  return new Intl.NumberFormat("en-GB").format(value);
}
