const BYTES: Record<string, number> = {
  '': 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
};

const MILLIS: Record<string, number> = { ms: 1, s: 1e3, m: 60e3, h: 3_600e3, d: 86_400e3 };

/** A size such as `20000000`, `64MiB` or `5TB`, in bytes; undefined for any other text, and above 2^53. */
export function parseBytes(text: string): number | undefined {
  return multiply(/^([0-9]{1,16})\s*([kmgt]?i?b?)$/i.exec(text), BYTES);
}

/** A time such as `500ms`, `30s`, `15m`, `12h` or `7d`, in milliseconds; undefined for any other text. */
export function parseDuration(text: string): number | undefined {
  return multiply(/^([0-9]{1,12})\s*(ms|s|m|h|d)$/i.exec(text), MILLIS);
}

function multiply(match: RegExpExecArray | null, units: Record<string, number>): number | undefined {
  const unit = units[match?.[2]?.toLowerCase() ?? 'none'];
  if (match === null || unit === undefined) return undefined;
  const value = Number(match[1]) * unit;
  return Number.isSafeInteger(value) ? value : undefined;
}

/** True if only this machine can reach the host; IPv6 without brackets. Undefined means the default, a loopback address. */
export function isLoopback(host: string | undefined): boolean {
  return host === undefined || host === 'localhost' || host === '::1' || /^127\./.test(host);
}
