import { describe, it } from 'node:test';
import { addUser } from '../../packages/server/src/auth/accounts.ts';
import { endsBehave } from './records-ends.ts';
import { partsBehave } from './records-parts.ts';
import { reservationsBehave } from './records-reservations.ts';
import { type Behaves, type DatabaseUnderTest, NOW } from './records-samples.ts';
import { sessionsBehave } from './records-sessions.ts';
import { transactionsBehave } from './records-transactions.ts';

export type { DatabaseUnderTest } from './records-samples.ts';

/** What the records do on every database. A database's test hands itself over and adds only what is its alone. */
export function recordsBehave(name: string, openDb: () => Promise<DatabaseUnderTest>): void {
  const behaves: Behaves = (sentence, body) => {
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
    partsBehave(behaves);
    reservationsBehave(behaves);
    endsBehave(behaves);
    sessionsBehave(behaves);
    transactionsBehave(behaves);
  });
}
