import { once } from 'node:events';
import { Agent } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { BenchBody } from '../body.ts';
import { send } from '../load/request.ts';
import { type MeasuredServer, MIB, readProcess } from '../support.ts';

const PART_SIZE = 8 * MIB;
const BYTES_PER_SECOND = 100_000;
const PIECES_PER_SECOND = 10;
const GROUPS = 20; // each chunk goes to one group of connections at a time, so that they do not all arrive at once
const WARM_PARTS = 16;

export interface TrickleFigures {
  /** RSS with all sessions open and no part in progress. */
  idleBytes: number;
  /** RSS after some complete parts, which includes permanent buffers and compiled code. */
  warmBytes: number;
  /** The highest RSS while all parts arrive slowly. */
  highestBytes: number;
  /** Connections that the server closed. */
  dropped: number;
}

/** Starts `connections` uploads of one part each, and sends them slowly for `seconds`. */
export async function trickle(
  server: MeasuredServer,
  { connections, seconds }: { connections: number; seconds: number },
): Promise<TrickleFigures> {
  const body = new BenchBody();
  const targets = await openSessions(server, connections + WARM_PARTS);
  const idleBytes = readProcess(server.pid).rssBytes;

  await sendWhole(server, targets.splice(0, WARM_PARTS), body);
  const warmBytes = readProcess(server.pid).rssBytes;

  let dropped = 0;
  const sockets = await Promise.all(targets.map((target) => startPart(target, server.token, body)));
  for (const socket of sockets) socket.once('close', () => dropped++).on('error', () => undefined);
  let highestBytes = 0;
  const sampling = setInterval(() => {
    highestBytes = Math.max(highestBytes, readProcess(server.pid).rssBytes);
  }, 100);
  await sendPieces(sockets, body, seconds);
  clearInterval(sampling);

  const figures = { idleBytes, warmBytes, highestBytes, dropped };
  for (const socket of sockets) socket.destroy();
  return figures;
}

async function openSessions(server: MeasuredServer, count: number): Promise<URL[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  const headers = { authorization: `Bearer ${server.token}`, 'content-type': 'application/json' };
  const create = async (_: unknown, index: number) => {
    const wanted = JSON.stringify({ folder_id: '0', file_size: PART_SIZE, file_name: `trickle-${index}` });
    const call = { agent, method: 'POST', headers, status: 201 };
    const { text } = await send(`${server.url}/2.0/files/upload_sessions`, call, wanted);
    const session = JSON.parse(text) as { session_endpoints: { upload_part: string } };
    return new URL(session.session_endpoints.upload_part);
  };
  const targets = await Promise.all(Array.from({ length: count }, create));
  agent.destroy();
  return targets;
}

async function sendWhole(server: MeasuredServer, targets: URL[], body: BenchBody): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 4 });
  const headers = { ...partHeaders(server.token, body), 'content-length': PART_SIZE };
  const call = { agent, method: 'PUT', headers, status: 200 };
  await Promise.all(targets.map((target) => send(target.href, call, body.bytes(0, PART_SIZE))));
  agent.destroy();
}

async function startPart(target: URL, token: string, body: BenchBody): Promise<Socket> {
  const socket = connect({ host: target.hostname, port: Number(target.port), noDelay: true });
  await once(socket, 'connect');
  const headers = Object.entries({ host: target.host, ...partHeaders(token, body), 'content-length': PART_SIZE });
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  socket.write(`PUT ${target.pathname} HTTP/1.1\r\n${lines}\r\n`);
  return socket;
}

function partHeaders(token: string, body: BenchBody) {
  return {
    authorization: `Bearer ${token}`,
    digest: `sha=${body.digest(0, PART_SIZE)}`,
    'content-range': `bytes 0-${PART_SIZE - 1}/${PART_SIZE}`,
    'content-type': 'application/octet-stream',
  };
}

async function sendPieces(sockets: Socket[], body: BenchBody, seconds: number): Promise<void> {
  const length = BYTES_PER_SECOND / PIECES_PER_SECOND;
  const start = performance.now();
  for (let tick = 0; tick < seconds * PIECES_PER_SECOND * GROUPS; tick++) {
    const offset = Math.floor(tick / GROUPS) * length;
    if (offset + length >= PART_SIZE)
      throw new Error('The parts are complete before the time is over. Use fewer seconds.');
    const piece = body.bytes(offset, length);
    for (let index = tick % GROUPS; index < sockets.length; index += GROUPS) sockets[index]?.write(piece);
    const due = start + ((tick + 1) * 1000) / PIECES_PER_SECOND / GROUPS;
    const early = due - performance.now();
    if (early > 0) await wait(early);
    else if (tick % GROUPS === 0) await wait(0);
  }
}
