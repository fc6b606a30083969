const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** Formats bytes: `512 B`, `1.5 KiB`, `24 MiB`. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  // Otherwise, 1023.6 KiB would be rounded to 1024 KiB.
  while (value >= (unit === 0 ? 1024 : 1023.5) && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 || value >= 99.5 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}

/** Formats milliseconds as a clock does: `0:07`, `12:40`, `1:02:03`. */
export function formatDuration(millis: number): string {
  const seconds = Math.round(millis / 1000);
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const two = (value: number) => String(value).padStart(2, '0');
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** Formats "4.0 GiB in 0:12 (341 MiB/s)", without a rate if the time is too short. */
export function formatSpeed(bytes: number, millis: number): string {
  const rate = millis >= 100 && bytes > 0 ? ` (${formatBytes((bytes * 1000) / millis)}/s)` : '';
  return `${formatBytes(bytes)} in ${formatDuration(millis)}${rate}`;
}

/** Formats a number of things: `2,000`. */
export function formatCount(count: number): string {
  return count.toLocaleString('en-US');
}

/** Formats a date of the API (RFC 3339) to the minute, such as `2026-11-30 23:49`; `-` for none. */
export function formatDate(date: string | null): string {
  return date?.slice(0, 16).replace('T', ' ') ?? '-';
}
