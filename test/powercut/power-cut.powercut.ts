import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { before, describe, it } from 'node:test';
import { finishUploads } from './finish-uploads.ts';
import { cutPower } from './lab.ts';
import { type Recording, record } from './recording.ts';
import { skipUntraced } from './skip-untraced.ts';

/** The total number of disk states to check: a few for each change, 10,000 before a release. */
const STATES = Number(process.env.PARTWAY_TEST_STATES ?? 240);
const SEED = Number(process.env.PARTWAY_TEST_SEED ?? randomInt(2 ** 31));
/** The approximate number of states of a recording before they repeat. */
const STATES_PER_RECORDING = 1_000;
/** The number of states on which a complete server is started. */
const SERVERS = Math.max(3, Math.round(STATES / 100));

const HOUR = 3_600_000;

describe('a server after a power cut', { skip: skipUntraced, timeout: HOUR }, () => {
  let recordings: Recording[];

  before(async () => {
    const count = Math.ceil(STATES / STATES_PER_RECORDING);
    recordings = [];
    for (let n = 0; n < count; n++) recordings.push(await record({ seed: SEED + n, kills: 3, rounds: 5 }));
  });

  it(`keeps every acknowledged part and file, also after it was killed and restarted (PARTWAY_TEST_SEED=${SEED})`, async (t) => {
    const states = Math.ceil(STATES / recordings.length);
    const every = Math.ceil((states * recordings.length) / SERVERS);
    let [seen, promises, servers, files] = [0, 0, 0, 0];
    for (const [n, recording] of recordings.entries()) {
      const result = await cutPower(recording, {
        seed: SEED + n,
        states,
        sample: {
          every,
          check: async (folder, given) => {
            servers += 1;
            files += await finishUploads(folder, given, recording);
          },
        },
      });
      assert.deepEqual(result.violations, []);
      seen += result.states;
      promises += result.promises;
    }
    assert.ok(promises > seen, 'the recordings have promises to check');
    t.diagnostic(`${seen} states, ${promises} promises, ${servers} servers, which gave ${files} files back`);
  });

  // Finding no violations proves as much as the tests' ability to find one.
  for (const [what, ignores] of Object.entries({
    'the bytes of parts': (path: string) => path.startsWith('staging/'),
    'the names of files': (path: string) => path === 'staging' || /^blobs(\/..){0,2}$/.test(path),
    'the rows': (path: string) => path.endsWith('-wal'),
  })) {
    it(`would lose data if ${what} were not synced, and the tests detect it`, async () => {
      const [recording] = recordings;
      assert.ok(recording);
      const { violations } = await cutPower(recording, {
        seed: SEED,
        states: STATES,
        ignores,
        atMost: 1,
      });
      assert.equal(violations.length, 1);
    });
  }

  it('would lose data if rows found at a start were not synced before the first response, and the tests detect it', async () => {
    const ignores = (path: string, isStarting: boolean) => isStarting && path.startsWith('partway.sqlite');
    // The kill has to be between a row and its sync, and a client has to request that row.
    for (let n = 0; n < 5; n++) {
      const recording = recordings[n] ?? (await record({ seed: SEED + n, kills: 3, rounds: 5 }));
      const { violations } = await cutPower(recording, { seed: SEED, states: STATES, ignores, atMost: 1 });
      if (violations.length > 0) return;
    }
    assert.fail('no power cut after a restart lost a row in five recordings');
  });
});
