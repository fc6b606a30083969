import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { glob } from 'node:fs/promises';
import { stripTypeScriptTypes } from 'node:module';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parse } from 'acorn';
import { full } from 'acorn-walk';

/** `recheck` has native programs for some systems. Its JavaScript is the same everywhere. */
process.env.RECHECK_BACKEND = 'pure';
const { checkSync } = await import('recheck');

const SOURCE = fileURLToPath(new URL('../../packages/', import.meta.url));

/**
 * The only file that creates an expression from text: from the server's own routes, which contain no text of clients.
 */
const CREATES_EXPRESSIONS = ['server/src/http/hooks/not-found.ts'];

interface Expression {
  place: string;
  pattern: string;
  flags: string;
}

/** Every regular expression in a file, and whether the file creates others from text. */
function listExpressions(file: string): { literals: Expression[]; createsOthers: boolean } {
  const text = stripTypeScriptTypes(readFileSync(SOURCE + file, 'utf8'));
  const literals: Expression[] = [];
  let createsOthers = false;
  full(parse(text, { ecmaVersion: 'latest', sourceType: 'module', locations: true }), (node) => {
    if (node.type === 'Literal' && 'regex' in node) {
      const { pattern, flags } = node.regex as { pattern: string; flags: string };
      literals.push({ place: `packages/${file}:${node.loc?.start.line}`, pattern, flags });
    }
    const called =
      node.type === 'NewExpression' || node.type === 'CallExpression' ? (node as { callee?: unknown }) : {};
    if ((called.callee as { name?: string } | undefined)?.name === 'RegExp') createsOthers = true;
  });
  return { literals, createsOthers };
}

test('every regular expression runs in linear time on any text', async () => {
  const found: Expression[] = [];
  const creators: string[] = [];
  for await (const path of glob('*/src/**/*.ts', { cwd: SOURCE })) {
    if (path.endsWith('.d.ts')) continue;
    const { literals, createsOthers } = listExpressions(path);
    found.push(...literals);
    if (createsOthers) creators.push(path);
  }
  assert.ok(found.length > 50, `only ${found.length} were found`);

  const slow = found.flatMap(({ place, pattern, flags }) => {
    const verdict = checkSync(pattern, flags, { timeout: 60_000 });
    return verdict.status === 'safe'
      ? []
      : [
          `${place} /${pattern}/${flags}: ${JSON.stringify('complexity' in verdict ? verdict.complexity : verdict.error)}`,
        ];
  });
  assert.deepEqual(slow, []);
  assert.deepEqual(creators, CREATES_EXPRESSIONS);
});
