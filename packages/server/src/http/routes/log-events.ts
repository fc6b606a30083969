import { LogEvent } from '@partway/protocol/schemas/upload-sessions';
import type { FastifyInstance } from 'fastify';
import { getCaller } from '../hooks/authenticate.ts';
import type { RateLimiter } from '../hooks/rate-limiter.ts';
import { bearerPolicy } from '../hooks/scopes.ts';
import { getLoadedSession, loadOwnSession } from '../hooks/session-owner.ts';
import { createBodyParser } from '../request/bodies.ts';
import type { Services } from '../services.ts';

/** How many characters of what a client reports go into the log. */
const MAX_INFO_CHARACTERS = 400;

/** POST /files/upload_sessions/:id/log: a browser client reports its failures here. */
export function serveLogEvents(scope: FastifyInstance, { uploads }: Services, rates: RateLimiter): void {
  const readEvent = createBodyParser(LogEvent);
  const options = { config: bearerPolicy('upload'), onRequest: loadOwnSession(uploads) };
  scope.post('/files/upload_sessions/:session_id/log', options, async (request, reply) => {
    const { id } = getLoadedSession(request);
    const { event_type: type, event_info: info } = readEvent(request);
    rates.countReport(getCaller(request).userId);
    const event = {
      session: id,
      eventType: toLogText(type, 100),
      eventInfo: toLogText(info ?? null, MAX_INFO_CHARACTERS),
    };
    request.log.warn(event, 'a client reports on its upload');
    return reply.code(204).send();
  });
}

/** A value as JSON of printable ASCII, cut if it is long: nothing in it moves a terminal's cursor or its text. */
function toLogText(value: unknown, most: number): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  const plain = text.slice(0, most).replace(/[^ -~]/g, escapeCharacter);
  return text.length > most || plain.length > most ? `${plain.slice(0, most)}...` : plain;
}

function escapeCharacter(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
