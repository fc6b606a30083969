/**
 * The load generator in TypeScript, for machines without a C compiler: `node bench/load/send.ts PLAN.json` sends the requests
 * of a plan and prints a report as JSON. Bodies are created before the clock starts, and only statuses are checked.
 */
import { readFile } from 'node:fs/promises';
import type { ClientRequest } from 'node:http';
import { BenchBody, BODY_PERIOD } from '../body.ts';
import { MIB, readProcess } from '../support.ts';
import type { Plan, PlannedRequest, SendReport } from './plan.ts';
import { createAgent, readClock, sendWith } from './request.ts';

const WRITE = 8 * MIB;
const WRITES_AHEAD = 2;

const plan = JSON.parse(await readFile(process.argv[2] ?? '', 'utf8')) as Plan;
console.log(JSON.stringify(await send(plan)));
process.exit(0);

async function send({ url, connections, requests, keepAnswers = false }: Plan): Promise<SendReport> {
  const agent = createAgent(url, { keepAlive: true, maxSockets: connections });
  const body = new BenchBody();
  const answers: string[] = [];
  let receivedBytes = 0;
  let next = 0;
  const sendOne = async (request: PlannedRequest, index: number) => {
    const { method, path, status } = request;
    const { offset, length } = request.body ?? { offset: 0, length: 0 };
    const headers = { ...request.headers, ...(length > 0 && { 'content-length': length }) };
    const call = { agent, method, headers, status, discard: !keepAnswers };
    const write = (outgoing: ClientRequest) => pour(outgoing, body, offset, offset + length);
    const answer = await sendWith(new URL(path, url).href, call, write);
    receivedBytes += answer.bytes;
    if (keepAnswers) answers[index] = answer.text;
  };
  const lane = async () => {
    for (let index = next++; index < requests.length; index = next++) {
      await sendOne(requests[index] as PlannedRequest, index);
    }
  };
  const before = process.cpuUsage();
  const start = readClock();
  await Promise.all(Array.from({ length: connections }, lane));
  const endedAt = readClock();
  const used = process.cpuUsage(before);
  const sentBytes = requests.reduce((sum, request) => sum + (request.body?.length ?? 0), 0);
  const cpuSeconds = (used.user + used.system) / 1e6;
  const { peakRssBytes } = readProcess(process.pid);
  return { seconds: endedAt - start, endedAt, cpuSeconds, peakRssBytes, sentBytes, receivedBytes, answers };
}

/** Writes the file's bytes from `start` to `end`, and always queues the next write behind the one in progress. */
function pour(outgoing: ClientRequest, body: BenchBody, start: number, end: number): void {
  let offset = start;
  const next = (error?: Error | null) => {
    if (error || outgoing.writableEnded) return;
    const length = Math.min(WRITE, end - offset, BODY_PERIOD - (offset % BODY_PERIOD));
    const bytes = body.bytes(offset, length);
    offset += length;
    if (offset >= end) outgoing.end(bytes);
    else outgoing.write(bytes, next);
  };
  for (let ahead = 0; ahead < WRITES_AHEAD; ahead++) next();
}
