import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type SeededRandom, seededRandom } from '../faults/seeded-random.ts';
import { deleteAtExit, deleteFolder } from '../support/leftovers.ts';
import type { CrashState } from './disk-model.ts';
import { Promises } from './journal.ts';
import type { Life, Recording } from './recording.ts';
import { type IgnoredSyncs, Replay } from './replay.ts';
import { findViolations, materialize } from './verify.ts';

export interface Violation {
  /** The number of the state, counted from 0: the same recording and seed give the same states. */
  state: number;
  life: number;
  broken: string[];
}

export interface LabOptions {
  seed: number;
  /** The number of states to check. */
  states: number;
  /** Syncs to ignore. */
  ignores?: IgnoredSyncs;
  /** Stops after this many violations. */
  atMost?: number;
  /** Called with some of the states after they were found intact, written to `folder`. */
  sample?: { every: number; check(folder: string, promises: Promises): Promise<void> };
}

export interface LabResult {
  states: number;
  /** The number of promises checked in all states. */
  promises: number;
  violations: Violation[];
}

/** The number of responses of a restarted server that are checked more often than others. */
const FIRST_ANSWERS = 10;

/** A moment of a recording when the power may fail: after a call at this position of this life. */
interface Moment {
  life: number;
  /** Index of the last call that took effect. */
  call: number;
}

/** Cuts the power at random moments of a recording, and checks what each cut leaves. */
export async function cutPower(recording: Recording, options: LabOptions): Promise<LabResult> {
  const { seed, states, ignores, atMost = Number.POSITIVE_INFINITY, sample } = options;
  const random = seededRandom(seed);
  const folder = deleteAtExit(mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'partway-cut-')));
  const place = join(folder, 'data');
  const result: LabResult = { states: 0, promises: 0, violations: [] };
  for (const { state, promises, life } of crashes(recording, random, states, ignores)) {
    materialize(state, place);
    const broken = await findViolations(place, promises);
    if (broken.length > 0) result.violations.push({ state: result.states, life, broken });
    else if (sample !== undefined && result.states % sample.every === 0) {
      materialize(state, place);
      await sample.check(place, promises);
    }
    result.states += 1;
    result.promises += promises.count;
    if (result.violations.length >= atMost) break;
  }
  deleteFolder(folder);
  return result;
}

function* crashes(
  recording: Recording,
  random: SeededRandom,
  states: number,
  ignores: LabOptions['ignores'],
): Generator<{ state: CrashState; promises: Promises; life: number }> {
  const { dataFolder, lives, notes } = recording;
  const moments = pickMoments(recording, random, states);
  const replay = new Replay(dataFolder, ignores);
  let position = 0;
  for (const [life, { log, left }] of lives.entries()) {
    // Positions continue across lives, so that a call of an earlier life is before any of a later one.
    const base = position;
    const firstAnswer = notes.find(({ ackedAt = 0 }) => ackedAt > (log.times[0] ?? 0))?.ackedAt ?? 0;
    for (const [index, call] of log.calls.entries()) {
      replay.restarting(life > 0 && (log.times[call.began] ?? 0) < firstAnswer);
      replay.apply({ ...call, began: base + call.began, ended: base + call.ended });
      while (moments[0]?.life === life && moments[0].call === index) {
        moments.shift();
        const next = log.times[call.ended + 1] ?? log.times[call.ended] ?? 0;
        yield { state: replay.disk.crash(random), promises: new Promises(notes, next), life };
      }
    }
    replay.endLife(left, base + log.times.length);
    position = base + log.times.length + 1;
  }
}

/**
 * A third of them anywhere, a third right after a client received a response, and a third after one of the first
 * responses of a restarted server; in chronological order. Only calls that concern the data folder: between others
 * the disk stays the same.
 */
function pickMoments({ dataFolder, lives, notes }: Recording, random: SeededRandom, states: number): Moment[] {
  const mark = Buffer.from(dataFolder).toString('hex').replaceAll(/(..)/g, '\\x$1');
  const anywhere = lives.flatMap(({ log }, life) =>
    log.calls.flatMap(({ args }, call) => (args.includes(mark) ? [{ life, call }] : [])),
  );
  const afterResponses = notes.flatMap(({ ackedAt }) => momentAfter(lives, ackedAt));
  const restarted = afterResponses.filter(
    ({ life }, n) => life > 0 && afterResponses.findIndex((moment) => moment.life === life) > n - FIRST_ANSWERS,
  );
  const kinds = [anywhere, afterResponses, restarted].filter(({ length }) => length > 0);
  const moments = Array.from({ length: states }, (_, n) => random.pick(kinds[n % kinds.length] ?? anywhere));
  return moments.sort((a, b) => a.life - b.life || a.call - b.call);
}

/** The last call before the client had the response. */
function momentAfter(lives: readonly Life[], ackedAt: number | undefined): Moment[] {
  if (ackedAt === undefined) return [];
  for (const [life, { log }] of lives.entries()) {
    const later = log.calls.findIndex(({ began }) => (log.times[began] ?? 0) > ackedAt);
    if (later > 0) return [{ life, call: later - 1 }];
  }
  return [];
}
