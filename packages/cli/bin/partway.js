#!/usr/bin/env node
// Starts `partway`: from the sources in a checkout, from the build in an installed package. This file is plain JavaScript,
// so that a Node.js version that is too old can still print an error.
import { existsSync } from 'node:fs';
import module from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const major = Number(process.versions.node.split('.')[0]);
if (major < 24) {
  console.error(`Partway needs Node.js 24 or later; this is Node.js ${process.versions.node}.`);
  console.error('In a checkout, run `npm ci` without --omit=dev: it installs a newer one, which `npm start` uses.');
  console.error('Otherwise, install Node.js 24 or later (https://nodejs.org), and try again.');
  process.exit(1);
}

// Environment variables that must be set before the process starts. Values that are already set are kept.
const ENVIRONMENT = {
  // Disk syncs run in libuv's thread pool. With its default of four threads, four slow syncs would block every read.
  UV_THREADPOOL_SIZE: '16',
  // By default, glibc has a heap for each of these threads. Two heaps use 12 MB less and are as fast (measured).
  MALLOC_ARENA_MAX: '2',
  // Larger blocks are returned to the system as soon as they are free. By default, glibc raises both limits to 32 MB after
  // such blocks have been used: 80 MB more memory after a user has started 400 downloads without reading them.
  MALLOC_MMAP_THRESHOLD_: '524288',
  MALLOC_TRIM_THRESHOLD_: '4194304',
  // Caches compiled sources: 30 MB less memory in a checkout, from the second start on. The folder contains code, so it
  // belongs to the user. In the folder for temporary files, other users could create it first.
  NODE_COMPILE_CACHE: join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'partway', 'compiled'),
};
// Request bodies are outside the JavaScript heap, which contains few long-lived objects. So V8 uses a small young
// generation, collects garbage whenever the rest has grown by a third, and needs one thread besides the event loop. With
// 1,000 slow uploads, that is 34 KiB of memory each instead of 180 (docs/operate/performance.md).
// A V8 flag that a later Node.js does not know would prevent the start, so only tested versions get them.
const FLAGS =
  major <= 26
    ? ['--max-semi-space-size=4', '--initial-old-space-size=32', '--heap-growing-percent=35', '--v8-pool-size=1']
    : [];

if (process.argv[2] === 'serve' && process.env.PARTWAY_PREPARED === undefined && process.execve !== undefined) {
  const script = fileURLToPath(import.meta.url);
  const args = [process.execPath, ...FLAGS, ...process.execArgv, script, ...process.argv.slice(2)];
  // Restart the same process, which keeps its PID, its terminal and its supervisor.
  process.execve(process.execPath, args, { ...ENVIRONMENT, ...process.env, PARTWAY_PREPARED: '1' });
}

// The other commands are short, and start faster with a compile cache.
if (process.env.NODE_COMPILE_CACHE === undefined) module.enableCompileCache?.(ENVIRONMENT.NODE_COMPILE_CACHE);

const sources = new URL('../src/partway.ts', import.meta.url);
await import(existsSync(sources) ? sources.href : new URL('../dist/partway.js', import.meta.url).href);
