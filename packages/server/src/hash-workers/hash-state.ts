import type { Sha1State } from '@partway/native/native';
import { DigestStateUnusableError } from './errors.ts';

declare const brand: unique symbol;
/**
 * The state of an unfinished SHA-1: 96 bytes as base64. It does not depend on what computed it, so any node can continue
 * from it: 4 bytes that identify the format, the five words of the state and the number of bytes (big-endian), and the bytes
 * of the last, incomplete block, followed by zeros.
 */
export type HashState = string & { readonly [brand]: 'DigestState' };

/** Identifies the format, and detects anything else. */
const FORMAT = 0x50_57_53_31;
const STATE_BYTES = 96;
const WORDS_OFFSET = 4;
const LENGTH_OFFSET = 24;
const TAIL_OFFSET = 32;
const BLOCK_BYTES = 64n;

export function encodeState({ words, length, tail }: Sha1State): HashState {
  const bytes = Buffer.alloc(STATE_BYTES);
  bytes.writeUInt32BE(FORMAT, 0);
  for (const [index, word] of words.entries()) bytes.writeUInt32BE(word, WORDS_OFFSET + 4 * index);
  bytes.writeBigUInt64BE(length, LENGTH_OFFSET);
  bytes.set(tail.subarray(0, Number(length % BLOCK_BYTES)), TAIL_OFFSET);
  return bytes.toString('base64') as HashState;
}

/** Throws `DigestStateUnusableError` if it is damaged, or has another format. */
export function decodeState(state: HashState): Sha1State {
  const bytes = Buffer.from(state, 'base64');
  if (bytes.length !== STATE_BYTES || bytes.readUInt32BE(0) !== FORMAT) {
    throw new DigestStateUnusableError('the saved hash state has another format or is damaged');
  }
  return {
    words: Uint32Array.from({ length: 5 }, (_, index) => bytes.readUInt32BE(WORDS_OFFSET + 4 * index)),
    length: bytes.readBigUInt64BE(LENGTH_OFFSET),
    tail: bytes.subarray(TAIL_OFFSET),
  };
}
