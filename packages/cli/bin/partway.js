#!/usr/bin/env node
// Starts `partway` from the sources in a checkout, from the build in an installed package. Plain JavaScript, so that a
// Node too old for the rest can still say so.
import { existsSync } from 'node:fs';
import module from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const major = Number(process.versions.node.split('.')[0]);
if (major < 24) {
  console.error(`Partway needs Node 24 or later; this is Node ${process.versions.node}.`);
  console.error('In a checkout, `npm start` brings its own. Elsewhere: install Node 24, then try again.');
  process.exit(1);
}

// What must be set before a process begins. A value that the environment already has stays.
const WANTED = {
  // Disk syncs wait in libuv's pool: with its default of four threads, four slow syncs would hold up every read.
  UV_THREADPOOL_SIZE: '16',
  // glibc keeps a heap for each of these threads otherwise; two measured 12 MB less and no slower.
  MALLOC_ARENA_MAX: '2',
  // Larger blocks go back to the system as soon as they are free. By itself glibc raises both limits to 32 MB once such
  // blocks were in use: 80 MB more memory after a user who asks for 400 downloads and reads none.
  MALLOC_MMAP_THRESHOLD_: '524288',
  MALLOC_TRIM_THRESHOLD_: '4194304',
  // Compiled sources from the second start on: 30 MB less memory in a checkout. Code lies there, so it is a folder of
  // the user's own and not the one for temporary files, where others could put some first.
  NODE_COMPILE_CACHE: join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'partway', 'compiled'),
};
// Bodies lie outside the JavaScript heap, which holds little that stays: a small nursery, and a collection whenever the
// rest has grown by a third, on one thread beside the event loop. With 1,000 slow uploads that is 34 KiB of memory each
// instead of 180 (docs/operate/performance.md).
// Flags of V8 that a later Node may not know would stop the start, so they go to those that were tried.
const FLAGS =
  major <= 26
    ? ['--max-semi-space-size=4', '--initial-old-space-size=32', '--heap-growing-percent=35', '--v8-pool-size=1']
    : [];

if (process.argv[2] === 'serve' && process.env.PARTWAY_PREPARED === undefined && process.execve !== undefined) {
  const script = fileURLToPath(import.meta.url);
  const args = [process.execPath, ...FLAGS, ...process.execArgv, script, ...process.argv.slice(2)];
  // The same process, begun again: its id, its terminal and its supervisor stay.
  process.execve(process.execPath, args, { ...WANTED, ...process.env, PARTWAY_PREPARED: '1' });
}

// The other commands end soon, and begin sooner with it.
if (process.env.NODE_COMPILE_CACHE === undefined) module.enableCompileCache?.(WANTED.NODE_COMPILE_CACHE);

const sources = new URL('../src/partway.ts', import.meta.url);
await import(existsSync(sources) ? sources.href : new URL('../dist/partway.js', import.meta.url).href);
