import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const PARTWAY = fileURLToPath(new URL('../../packages/cli/bin/partway.js', import.meta.url));

/** Prints the loaded packages to stderr at exit. */
const WATCH = `data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from 'node:module';
  const packages = new Set();
  registerHooks({
    load(url, context, next) {
      packages.add(/node_modules\\/((?:@[^/]+\\/)?[^/]+)/.exec(url)?.[1]);
      return next(url, context);
    },
  });
  process.on('exit', () => console.error([...packages].join(' ')));
`)}`;

async function packagesOf(...args: string[]): Promise<string[]> {
  const { stderr } = await promisify(execFile)(process.execPath, ['--import', WATCH, PARTWAY, ...args]);
  return stderr.trim().split(' ');
}

// Half of the startup time of a command went into modules that it never called.
test('a command loads no database, server or terminal library that it does not use', async () => {
  const unneeded = ['kysely', 'pg', 'fastify', '@aws-sdk/client-s3', 'log-update', 'cli-truncate', '@clack/prompts'];
  for (const args of [['--version'], ['upload', '--help'], ['migrate', '--help'], ['completion', 'bash']]) {
    const packages = await packagesOf(...args);
    assert.ok(packages.includes('commander'), packages.join(' '));
    assert.deepEqual(
      packages.filter((name) => unneeded.includes(name)),
      [],
      args.join(' '),
    );
  }
});
