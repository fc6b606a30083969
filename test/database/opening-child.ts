import { addUser } from '../../packages/server/src/auth/accounts.ts';
import { migrate } from '../../packages/server/src/database/migrate.ts';
import { openSqlite } from '../../packages/server/src/database/sqlite/sqlite.ts';

/**
 * A process that opens the given database file, adds the given users with one commit each, prints the number of users
 * that it sees, and exits like a crash, without closing the file.
 */
const [path = '', ...logins] = process.argv.slice(2);
const db = openSqlite(path);
await migrate(db);
for (const login of logins) await addUser(db, { login, name: 'N', now: 1 });
const users = await db.selectFrom('users').select('id').execute();
process.stdout.write(`users: ${users.length}\n`, () => process.kill(process.pid, 'SIGKILL'));
