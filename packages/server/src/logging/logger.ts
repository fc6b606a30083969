import type { FastifyBaseLogger, FastifyReply, FastifyRequest } from 'fastify';
import { pino, stdSerializers } from 'pino';
import { type LogOutput, logToStandardError } from './log-output.ts';

const MAX_URL_CHARACTERS = 300;

/**
 * Opens the log, JSON lines on stderr. Of a request, only the fields below are logged: headers and the query of a signed
 * download URL can contain credentials.
 */
export function openLog(level: string, output: LogOutput = logToStandardError()): FastifyBaseLogger {
  const serializers = { req: describeRequest, res: describeReply, err: stdSerializers.err };
  const log = pino({ level, serializers }, output);
  output.onRecovered = (lost, code) =>
    log.error({ lost, code }, `${lost} log lines could not be written (${code}) and were dropped`);
  return log;
}

function describeRequest({ method, url, host, ip, socket }: FastifyRequest) {
  const { remotePort } = socket;
  const path = url.replace(/\?.*/s, '').slice(0, MAX_URL_CHARACTERS);
  return { method, url: path, host, remoteAddress: ip, ...(remotePort && { remotePort }) };
}

function describeReply({ statusCode }: FastifyReply) {
  return { statusCode };
}
