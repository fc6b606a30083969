import { LogEvent } from '@partway/protocol/schemas/upload-sessions';
import type { FastifyInstance } from 'fastify';
import { getCaller } from '../hooks/authenticate.ts';
import type { RateLimiter } from '../hooks/rate-limiter.ts';
import { bearerPolicy } from '../hooks/scopes.ts';
import { getLoadedSession, loadOwnSession } from '../hooks/session-owner.ts';
import { createBodyParser } from '../request/bodies.ts';
import type { Services } from '../services.ts';

/** Limit for `event_info` in the log. */
const MAX_INFO_CHARACTERS = 400;

/** POST /files/upload_sessions/:id/log: browser clients report upload errors here, which are written to the log. */
export function serveLogEvents(scope: FastifyInstance, { uploads }: Services, rates: RateLimiter): void {
  const parseEvent = createBodyParser(LogEvent);
  const options = { config: bearerPolicy('upload'), onRequest: loadOwnSession(uploads) };
  scope.post('/files/upload_sessions/:session_id/log', options, async (request, reply) => {
    const { id } = getLoadedSession(request);
    const { event_type: type, event_info: info } = parseEvent(request);
    rates.countReport(getCaller(request).userId);
    const event = {
      session: id,
      eventType: toLogText(type, 100),
      eventInfo: toLogText(info ?? null, MAX_INFO_CHARACTERS),
    };
    request.log.warn(event, 'a client reports an upload event');
    return reply.code(204).send();
  });
}

/** Renders a value as printable ASCII, truncated, so that it cannot contain control sequences for terminals. */
function toLogText(value: unknown, max: number): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  const plain = text.slice(0, max).replace(/[^ -~]/g, escapeCharacter);
  return text.length > max || plain.length > max ? `${plain.slice(0, max)}...` : plain;
}

function escapeCharacter(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
