import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PAGES = ['*.md', 'docs/**/*.md', 'deploy/**/*.md', 'test/clients/*.md'];

test('every relative link in the documentation leads to a file and, if it names one, to a heading', () => {
  const pages = globSync(PAGES, { cwd: ROOT });
  assert.ok(pages.length > 30, `${pages.length} pages`);
  const broken = pages.flatMap((page) =>
    listLinks(page)
      .filter((link) => !/^[a-z]+:/.test(link) && !isValidLink(page, link))
      .map((link) => `${page}: ${link}`),
  );
  assert.deepEqual(broken, []);
});

test('every page of docs/ can be reached from docs/README.md', () => {
  const reached = new Set<string>();
  const pending = ['docs/README.md'];
  for (let page = pending.pop(); page !== undefined; page = pending.pop()) {
    if (reached.has(page) || !page.endsWith('.md')) continue;
    reached.add(page);
    for (const link of listLinks(page)) {
      const target = relative(ROOT, join(ROOT, dirname(page), link.replace(/#.*/, '')));
      if (!/^[a-z]+:/.test(link) && existsSync(join(ROOT, target))) pending.push(target);
    }
  }
  const pages = globSync('docs/**/*.md', { cwd: ROOT }).filter((page) => !page.startsWith('docs/decisions/'));
  assert.deepEqual(
    pages.filter((page) => !reached.has(page)),
    [],
  );
});

function isValidLink(page: string, link: string): boolean {
  const [path = '', anchor] = link.split('#');
  const target = path === '' ? page : join(dirname(page), path);
  if (!existsSync(join(ROOT, target))) return false;
  if (anchor === undefined) return true;
  return statSync(join(ROOT, target)).isFile() && listAnchors(target).has(anchor);
}

function listLinks(page: string): string[] {
  return [...readProse(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link);
}

/** Anchors as GitHub derives them from headings. */
function listAnchors(page: string): Set<string> {
  const headings = [...readProse(page, { keepCode: true }).matchAll(/^#{1,6} (.+)$/gm)].map(([, title = '']) => title);
  return new Set(
    headings.map((title) =>
      title
        .replaceAll(/`|\[|\]\([^)]*\)/g, '')
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}_ -]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

/** The page without its code blocks, and without inline code unless `keepCode` is set. */
function readProse(page: string, { keepCode = false } = {}): string {
  const text = readFileSync(join(ROOT, page), 'utf8').replaceAll(/^ *```.*\n[\s\S]*?^ *```$/gm, '');
  return keepCode ? text : text.replaceAll(/`[^`\n]+`/g, '');
}
