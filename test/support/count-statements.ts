import { Client } from 'pg';

/** Every statement that this process has sent to PostgreSQL since the count began, `begin` and `commit` among them. */
export interface StatementCount extends Disposable {
  statements: string[];
  /** The channels to which it has begun to listen, which are not among the statements. */
  channels: string[];
}

/** Begins to write down what goes out, at the driver, whoever sends it; but not what a bell sends to stay alive. */
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
