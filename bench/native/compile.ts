import { spawnSync } from 'node:child_process';
import { here, scratchPath } from '../support.ts';

const OPTIONS = ['-std=gnu11', '-O2', '-Wall', '-Wextra'];
const PROGRAMS = {
  loadgen: ['loadgen.c', 'channel.c', 'requests.c', 'response.c'],
  sink: ['sink.c'],
};

/** A compiled program, or why it cannot be compiled. */
export type Compiled = { path: string } | { problem: string };

/** Compiles a program of this folder into a temporary folder, which is deleted at the end. */
export function compile(program: keyof typeof PROGRAMS, options: readonly string[] = []): Compiled {
  const path = scratchPath([program, ...options].join(''));
  const sources = PROGRAMS[program].map((name) => here(`native/${name}`));
  const compiler = process.env.CC || 'cc';
  const { error, status, stderr } = spawnSync(compiler, [...OPTIONS, ...sources, ...options, '-o', path], {
    encoding: 'utf8',
  });
  if (error !== undefined) return { problem: `There is no C compiler (${compiler}).` };
  return status === 0 ? { path } : { problem: `The C compiler failed: ${stderr.split('\n', 2).join(' ')}` };
}
