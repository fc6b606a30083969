import { serveRequests } from '../../packages/server/src/util/worker-client.ts';

// A thread that does what its requests say, for the test of the client.

export type ScriptedRequest =
  | { kind: 'echo'; value: unknown }
  /** Replied to by a later `answer`. */
  | { kind: 'wait'; value: unknown }
  /** Replies to those that wait, in this order, then to itself. */
  | { kind: 'answer'; order: readonly number[] }
  | { kind: 'exit'; code: number }
  | { kind: 'throw'; message: string };

const waiting: (() => void)[] = [];

serveRequests<ScriptedRequest, unknown>((request, reply) => {
  if (request.kind === 'echo') reply(request.value);
  else if (request.kind === 'wait') waiting.push(() => reply(request.value));
  else if (request.kind === 'exit') process.exit(request.code);
  else if (request.kind === 'throw') throw new Error(request.message);
  else {
    const all = waiting.splice(0);
    for (const index of request.order) all[index]?.();
    reply(undefined);
  }
});
