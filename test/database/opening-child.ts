import { addUser } from '../../packages/server/src/auth/accounts.ts';
import { migrate } from '../../packages/server/src/database/migrate.ts';
import { openSqlite } from '../../packages/server/src/database/sqlite/sqlite.ts';

/**
 * A process that opens the database file that it is given, adds the users that it is given, one commit each, says how many
 * users it sees, and ends as a crash does, without closing the file.
 */
const [path = '', ...logins] = process.argv.slice(2);
const db = openSqlite(path);
await migrate(db);
for (const login of logins) await addUser(db, { login, name: 'N', now: 1 });
const users = await db.selectFrom('users').select('id').execute();
process.stdout.write(`users: ${users.length}\n`, () => process.kill(process.pid, 'SIGKILL'));
