import type { FastifyBaseLogger, FastifyReply, FastifyRequest } from 'fastify';
import { pino, stdSerializers } from 'pino';
import { type LogOutput, logToStandardError } from './log-output.ts';

/** An address may be as long as a header. */
const MOST_URL_CHARACTERS = 300;

/**
 * The log: JSON lines on stderr. Of a request it names what is listed here and nothing else: an address's query may let its
 * reader in (a signed download), and so may headers.
 */
export function openLog(level: string, output: LogOutput = logToStandardError()): FastifyBaseLogger {
  const serializers = { req: describeRequest, res: describeReply, err: stdSerializers.err };
  const log = pino({ level, serializers }, output);
  output.onRecovered = (lost, code) =>
    log.error({ lost, code }, `${lost} lines of the log were lost: they could not be written (${code})`);
  return log;
}

function describeRequest({ method, url, host, ip, socket }: FastifyRequest) {
  const { remotePort } = socket;
  const path = url.replace(/\?.*/s, '').slice(0, MOST_URL_CHARACTERS);
  return { method, url: path, host, remoteAddress: ip, ...(remotePort && { remotePort }) };
}

function describeReply({ statusCode }: FastifyReply) {
  return { statusCode };
}
