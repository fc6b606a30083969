#!/usr/bin/env node
// Starts `partway` from the sources in a checkout, from the build in an installed package. Plain JavaScript, so that a
// Node too old for the rest can still say so.
import { existsSync } from 'node:fs';

const major = Number(process.versions.node.split('.')[0]);
if (major < 24) {
  console.error(`Partway needs Node 24 or later; this is Node ${process.versions.node}.`);
  console.error('In a checkout, `npm start` brings its own. Elsewhere: install Node 24, then try again.');
  process.exit(1);
}

// Disk syncs wait in libuv's pool; with its default of four threads, four slow syncs would hold up every read. Must be
// set before the pool is first used.
process.env.UV_THREADPOOL_SIZE ??= '16';

const sources = new URL('../src/cli/partway.ts', import.meta.url);
await import(existsSync(sources) ? sources.href : new URL('../dist/cli/partway.js', import.meta.url).href);
