import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { EXIT, Failure } from './exit-codes.ts';

/** What stands for bytes that are not valid UTF-8 in what Node gives of the command line. */
const REPLACEMENT = '\uFFFD';

/**
 * An argument of this process whose bytes are not valid UTF-8, escaped; undefined for one that is text, and where the system
 * does not keep the bytes (other than Linux, where names are text anyway).
 */
export function undecodableArgument(text: string): string | undefined {
  if (!text.includes(REPLACEMENT)) return undefined;
  for (const bytes of rawArguments()) {
    if (!bytes.toString('utf8').endsWith(text)) continue;
    const decoded = decodedName(bytes);
    if ('escaped' in decoded) return decoded.escaped;
  }
  return undefined;
}

/** @throws Failure where an option, or an argument that is no local path, is not text. Local paths say so in their turn. */
export function checkArguments(command: Command): void {
  const texts = [
    ...Object.values(command.opts<Record<string, unknown>>()),
    ...(command.name() === 'upload' ? [] : command.args),
  ];
  for (const text of texts) {
    const escaped = typeof text === 'string' ? undecodableArgument(text) : undefined;
    if (escaped === undefined) continue;
    throw new Failure(
      EXIT.usage,
      `The argument ${escaped} is not valid UTF-8. Names on the server are Unicode: give it as UTF-8.`,
    );
  }
}

function rawArguments(): Buffer[] {
  let all: Buffer;
  try {
    all = readFileSync('/proc/self/cmdline');
  } catch {
    return [];
  }
  const found: Buffer[] = [];
  for (let from = 0; from < all.length; ) {
    const end = all.indexOf(0, from);
    found.push(all.subarray(from, end === -1 ? all.length : end));
    from = end === -1 ? all.length : end + 1;
  }
  return found;
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A name of this machine as text; or escaped, where its bytes are not valid UTF-8, which names on a server are. */
export function decodedName(bytes: Uint8Array): { name: string } | { escaped: string } {
  try {
    return { name: decoder.decode(bytes) };
  } catch {
    return { escaped: escapedBytes(bytes) };
  }
}

/** Bytes as text, with everything but printable ASCII as `\xHH`. */
function escapedBytes(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) =>
    byte >= 0x20 && byte < 0x7f && byte !== 0x5c
      ? String.fromCharCode(byte)
      : `\\x${byte.toString(16).padStart(2, '0')}`,
  ).join('');
}
