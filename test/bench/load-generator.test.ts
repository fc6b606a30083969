import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readFileSync } from 'node:fs';
import { createServer as createHttpServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { BenchBody, wholeDigest } from '../../bench/body.ts';
import { compileGenerator, type LoadGenerator, TYPESCRIPT_GENERATOR } from '../../bench/load/generator.ts';
import type { Plan } from '../../bench/load/plan.ts';
import { MIB, scratchPath } from '../../bench/support.ts';
import { createCertificates } from '../support/tls.ts';

const GENERATORS: { name: string; find(options: { tls: boolean }): LoadGenerator | { problem: string } }[] = [
  { name: 'C', find: compileGenerator },
  { name: 'TypeScript', find: () => TYPESCRIPT_GENERATOR },
];

for (const { name, find } of GENERATORS) {
  const using = (options: { tls: boolean }, use: (generator: LoadGenerator) => Promise<void>) => {
    const generator = find(options);
    return 'problem' in generator ? undefined : () => use(generator);
  };
  const generatorTest = (title: string, use: (generator: LoadGenerator) => Promise<void>, options = { tls: false }) => {
    const run = using(options, use);
    test(`the load generator in ${name} ${title}`, { skip: run === undefined && 'it cannot be compiled here' }, run);
  };

  generatorTest('sends the bytes of each request, and returns the answers in their order', sendsParts);
  generatorTest('does the same over TLS', sendsPartsOverTls, { tls: true });
  generatorTest('repeats the body of the file after 32 MiB', async (generator) => {
    await using server = await startServer(async (request, response) => response.end(await hash(request)));
    const requests = [{ ...put('/whole', 0, 40 * MIB + 3), method: 'PATCH' }];
    const { answers } = await generator.send({ ...server, connections: 1, requests, keepAnswers: true });
    assert.deepEqual(answers, [wholeDigest(40 * MIB + 3)]);
  });

  generatorTest('discards and counts what it downloads', async (generator) => {
    await using server = await startServer((_request, response) => response.end(Buffer.alloc(5 * MIB)));
    const request = { method: 'GET', path: '/file', headers: {}, status: 200 };
    const report = await generator.send({ ...server, connections: 2, requests: [request, request, request] });
    assert.equal(report.receivedBytes, 15 * MIB);
    assert.equal(report.sentBytes, 0);
  });

  generatorTest('opens a new connection if the server closes one after a response', async (generator) => {
    await using server = await startServer((request, response) => {
      request.resume().on('end', () => response.writeHead(200, { connection: 'close', 'content-length': 0 }).end());
    });
    const requests = [0, 1, 2].map((n) => put(`/${n}`, n * 1000, 1000));
    const report = await generator.send({ ...server, connections: 1, requests });
    assert.equal(report.sentBytes, 3000);
  });

  generatorTest('fails at a response with another status, and shows it', async (generator) => {
    await using server = await startServer((request, response) => {
      request.resume().on('end', () => response.writeHead(409, { 'content-length': 6 }).end('in use'));
    });
    const sending = generator.send({ ...server, connections: 1, requests: [put('/part', 0, 1000)] });
    await assert.rejects(sending, /409 instead of 200[\s\S]*in use/);
  });
}

async function sendsParts(generator: LoadGenerator, secure?: { ca: string; cert: string; key: string }): Promise<void> {
  const seen = new Map<string, string>();
  await using server = await startServer(async (request, response) => {
    seen.set(request.url ?? '', `${request.headers['x-part']} ${await hash(request)}`);
    const body = JSON.stringify({ url: request.url });
    response.writeHead(200, { 'content-length': body.length }).end(body);
  }, secure);
  const requests = Array.from({ length: 9 }, (_, n) => put(`/${n}`, n * MIB, n === 8 ? 7 : MIB));
  const plan: Plan = { url: server.url, connections: 4, requests, keepAnswers: true };
  const report = await generator.send({ ...plan, ...(secure && { ca: secure.ca }) });

  const body = new BenchBody();
  for (const { path, headers, body: part } of requests) {
    assert.equal(seen.get(path), `${headers['x-part']} ${body.digest(part.offset, part.length)}`);
  }
  assert.deepEqual(
    report.answers.map((answer) => JSON.parse(answer)),
    requests.map(({ path }) => ({ url: path })),
  );
  assert.equal(report.sentBytes, 8 * MIB + 7);
  assert.equal(server.connections(), 4);
  assert.ok(report.seconds > 0 && report.cpuSeconds >= 0 && report.peakRssBytes > 0);
}

async function sendsPartsOverTls(generator: LoadGenerator): Promise<void> {
  const folder = scratchPath(`certificates-${generator.name}`);
  mkdirSync(folder);
  await sendsParts(generator, await createCertificates(folder));
}

function put(path: string, offset: number, length: number) {
  return { method: 'PUT', path, headers: { 'x-part': offset }, status: 200, body: { offset, length } };
}

async function hash(request: IncomingMessage): Promise<string> {
  const sha1 = createHash('sha1');
  for await (const chunk of request) sha1.update(chunk as Buffer);
  return sha1.digest('base64');
}

async function startServer(listener: RequestListener, secure?: { cert: string; key: string }) {
  const server: Server = secure
    ? createHttpsServer({ cert: readFileSync(secure.cert), key: readFileSync(secure.key) }, listener)
    : createHttpServer(listener);
  let connections = 0;
  server.on('connection', () => connections++);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `${secure ? 'https' : 'http'}://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    connections: () => connections,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
