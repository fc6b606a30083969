import { Client } from 'pg';

/** All statements that this process has sent to PostgreSQL since the count started, including `begin` and `commit`. */
export interface StatementCount extends Disposable {
  statements: string[];
  /** The channels on which it has started to listen; these statements are counted separately. */
  channels: string[];
}

/** Starts to record statements in the driver, except for the heartbeat of the notification listener. */
export function countStatements(): StatementCount {
  const statements: string[] = [];
  const channels: string[] = [];
  const { query } = Client.prototype;
  Client.prototype.query = function (this: Client, ...args: unknown[]) {
    const [text] = args;
    if (typeof text === 'string' && text !== 'select 1')
      (text.startsWith('listen ') ? channels : statements).push(text);
    return (query as (...args: unknown[]) => unknown).apply(this, args);
  } as typeof query;
  return {
    statements,
    channels,
    [Symbol.dispose]: () => {
      Client.prototype.query = query;
    },
  };
}
