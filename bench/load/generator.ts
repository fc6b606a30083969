import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { BODY_PERIOD, writeBenchFile } from '../body.ts';
import { compile } from '../native/compile.ts';
import { here, MIB, scratchPath } from '../support.ts';
import { type Plan, parseReport, renderRequests, type SendReport } from './plan.ts';

const run = promisify(execFile);
const TLS = ['-DWITH_TLS', '-lssl', '-lcrypto'];

/** Sends requests from a process of its own and measures them. */
export interface LoadGenerator {
  name: 'C' | 'TypeScript';
  send(plan: Plan): Promise<SendReport>;
}

const found = new Map<string, LoadGenerator | { problem: string }>();

/** Returns the load generator in C; the slower one in TypeScript if that cannot be compiled, and prints why. */
export function findGenerator(options: { tls: boolean }): LoadGenerator {
  const key = String(options.tls);
  const known = found.get(key);
  const generator = known ?? compileGenerator(options);
  found.set(key, generator);
  if (!('problem' in generator)) return generator;
  if (known === undefined) console.log(`The load generator is the slower one in TypeScript. ${generator.problem}`);
  return TYPESCRIPT_GENERATOR;
}

/** Compiles the load generator in C, or returns why it cannot be compiled. TLS needs OpenSSL's headers. */
export function compileGenerator({ tls }: { tls: boolean }): LoadGenerator | { problem: string } {
  const compiled = compile('loadgen', tls ? TLS : []);
  if ('problem' in compiled) return compiled;
  return { name: 'C', send: (plan) => sendFromC(compiled.path, plan) };
}

export const TYPESCRIPT_GENERATOR: LoadGenerator = { name: 'TypeScript', send: sendFromTypeScript };

async function sendFromC(program: string, plan: Plan): Promise<SendReport> {
  const { hostname, port } = new URL(plan.url);
  const list = scratchPath('requests');
  await writeFile(list, renderRequests(plan));
  const options = ['-b', await bodyFile(), '-c', String(plan.connections)];
  if (plan.keepAnswers) options.push('-k');
  if (plan.ca !== undefined) options.push('-t', plan.ca);
  const { stdout } = await run(program, [...options, hostname, port, list], {
    encoding: 'buffer',
    maxBuffer: 64 * MIB,
  });
  return parseReport(stdout);
}

async function sendFromTypeScript(plan: Plan): Promise<SendReport> {
  const list = scratchPath('plan.json');
  await writeFile(list, JSON.stringify(plan));
  const env = { ...process.env, ...(plan.ca !== undefined && { NODE_EXTRA_CA_CERTS: plan.ca }) };
  const { stdout } = await run(process.execPath, [here('load/send.ts'), list], { env, maxBuffer: 64 * MIB });
  return JSON.parse(stdout) as SendReport;
}

let body: Promise<string> | undefined;

/** One period of the benchmark's body; the load generator repeats it. */
function bodyFile(): Promise<string> {
  body ??= (async () => {
    const path = scratchPath('body');
    await writeBenchFile(path, BODY_PERIOD);
    return path;
  })();
  return body;
}
