import { describe, it } from 'node:test';
import { addUser } from '../../packages/server/src/auth/accounts.ts';
import { testEnds } from './records-ends.ts';
import { testParts } from './records-parts.ts';
import { testReservations } from './records-reservations.ts';
import { type Behaves, type DatabaseUnderTest, NOW } from './records-samples.ts';
import { testSessions } from './records-sessions.ts';
import { testTransactions } from './records-transactions.ts';

export type { DatabaseUnderTest } from './records-samples.ts';

/**
 * The behavior of the records on every database. A database's test provides the database and adds only what is
 * specific to it.
 */
export function recordsBehave(name: string, openDb: () => Promise<DatabaseUnderTest>): void {
  const testRecords: Behaves = (sentence, body) => {
    it(sentence, async () => {
      const under = await openDb();
      try {
        const owner = await addUser(under.db, { login: 'records@partway.test', name: 'R', now: NOW });
        await body({ ...under, owner });
      } finally {
        await under.close();
      }
    });
  };

  describe(name, () => {
    testParts(testRecords);
    testReservations(testRecords);
    testEnds(testRecords);
    testSessions(testRecords);
    testTransactions(testRecords);
  });
}
