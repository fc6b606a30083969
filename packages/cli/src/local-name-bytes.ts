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
export function escapedBytes(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) =>
    byte >= 0x20 && byte < 0x7f && byte !== 0x5c
      ? String.fromCharCode(byte)
      : `\\x${byte.toString(16).padStart(2, '0')}`,
  ).join('');
}
