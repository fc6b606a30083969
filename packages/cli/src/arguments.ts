import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { EXIT, Failure } from './exit-codes.ts';

/** Node.js replaces bytes that are not valid UTF-8 in arguments with this character. */
const REPLACEMENT = '\uFFFD';

/**
 * Returns the escaped form of an argument whose bytes are not valid UTF-8. Returns undefined if they are valid, and on
 * systems other than Linux, where the bytes are not available (but names are always text).
 */
export function findUndecodableArgument(text: string): string | undefined {
  if (!text.includes(REPLACEMENT)) return undefined;
  for (const bytes of readRawArguments()) {
    if (!bytes.toString('utf8').endsWith(text)) continue;
    const decoded = decodeName(bytes);
    if ('escaped' in decoded) return decoded.escaped;
  }
  return undefined;
}

/** @throws Failure if an option or argument is not valid UTF-8. Local paths to upload are checked later, one by one. */
export function checkArguments(command: Command): void {
  const texts = [
    ...Object.values(command.opts<Record<string, unknown>>()),
    ...(command.name() === 'upload' ? [] : command.args),
  ];
  for (const text of texts) {
    const escaped = typeof text === 'string' ? findUndecodableArgument(text) : undefined;
    if (escaped === undefined) continue;
    throw new Failure(
      EXIT.usage,
      `The argument ${escaped} is not valid UTF-8. Names on the server are Unicode: encode it as UTF-8.`,
    );
  }
}

function readRawArguments(): Buffer[] {
  let commandLine: Buffer;
  try {
    commandLine = readFileSync('/proc/self/cmdline');
  } catch {
    return [];
  }
  const rawArguments: Buffer[] = [];
  for (let from = 0; from < commandLine.length; ) {
    const end = commandLine.indexOf(0, from);
    rawArguments.push(commandLine.subarray(from, end === -1 ? commandLine.length : end));
    from = end === -1 ? commandLine.length : end + 1;
  }
  return rawArguments;
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Decodes the name of a local file. If its bytes are not valid UTF-8, returns them escaped instead. */
export function decodeName(bytes: Uint8Array): { name: string } | { escaped: string } {
  try {
    return { name: decoder.decode(bytes) };
  } catch {
    return { escaped: escapeBytes(bytes) };
  }
}

/** Renders bytes as text. Everything except printable ASCII becomes `\xHH`. */
function escapeBytes(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) =>
    byte >= 0x20 && byte < 0x7f && byte !== 0x5c
      ? String.fromCharCode(byte)
      : `\\x${byte.toString(16).padStart(2, '0')}`,
  ).join('');
}
