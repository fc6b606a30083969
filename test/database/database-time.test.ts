import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { findLatestTime } from '../../packages/server/src/database/time.ts';
import { compareWithRows, createSaveTimeJob, followDatabase } from '../../packages/server/src/time/database-clock.ts';
import { noPostgres } from '../engines/postgres.ts';
import { TestClock } from '../support/test-clock.ts';
import { newPostgresDatabase, stopPostgres } from './postgres-database.ts';

const DAY = 24 * 3_600_000;

after(stopPostgres);

test("nodes whose clocks are days apart agree on the database's time", { skip: noPostgres }, async () => {
  await using database = await newPostgresDatabase();
  const db = await database.open();
  const real = Date.now();
  for (const off of [-8 * DAY, 0, 8 * DAY]) {
    const clock = new TestClock(real + off);
    const stop = await followDatabase(clock, db);
    await compareWithRows(clock, db);
    assert.ok(Math.abs(clock.now() - Date.now()) < 60_000, `off by ${clock.now() - Date.now()} ms`);
    assert.equal(clock.expiryTime(), clock.now());
    await createSaveTimeJob(clock, db).run(new AbortController().signal);
    assert.equal(await findLatestTime(db), clock.expiryTime());
    await stop();
  }
});
