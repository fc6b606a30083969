import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PAGES = ['*.md', 'docs/**/*.md', 'deploy/**/*.md', 'test/clients/*.md'];

test('every relative link of the documentation leads to a file, and to a heading if it names one', () => {
  const pages = globSync(PAGES, { cwd: ROOT });
  assert.ok(pages.length > 30, `${pages.length} pages`);
  const broken = pages.flatMap((page) =>
    linksOf(page)
      .filter((link) => !/^[a-z]+:/.test(link) && !leadsSomewhere(page, link))
      .map((link) => `${page}: ${link}`),
  );
  assert.deepEqual(broken, []);
});

test('every page of docs/ can be reached from docs/README.md', () => {
  const reached = new Set<string>();
  const left = ['docs/README.md'];
  for (let page = left.pop(); page !== undefined; page = left.pop()) {
    if (reached.has(page) || !page.endsWith('.md')) continue;
    reached.add(page);
    for (const link of linksOf(page)) {
      const target = relative(ROOT, join(ROOT, dirname(page), link.replace(/#.*/, '')));
      if (!/^[a-z]+:/.test(link) && existsSync(join(ROOT, target))) left.push(target);
    }
  }
  const pages = globSync('docs/**/*.md', { cwd: ROOT }).filter((page) => !page.startsWith('docs/decisions/'));
  assert.deepEqual(
    pages.filter((page) => !reached.has(page)),
    [],
  );
});

function leadsSomewhere(page: string, link: string): boolean {
  const [path = '', anchor] = link.split('#');
  const target = path === '' ? page : join(dirname(page), path);
  if (!existsSync(join(ROOT, target))) return false;
  if (anchor === undefined) return true;
  return statSync(join(ROOT, target)).isFile() && anchorsOf(target).has(anchor);
}

function linksOf(page: string): string[] {
  return [...proseOf(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link);
}

/** Anchors as GitHub makes them of headings. */
function anchorsOf(page: string): Set<string> {
  const headings = [...proseOf(page, { keepCode: true }).matchAll(/^#{1,6} (.+)$/gm)].map(([, title = '']) => title);
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

/** The page without its code blocks, and without inline code unless that is to be kept. */
function proseOf(page: string, { keepCode = false } = {}): string {
  const text = readFileSync(join(ROOT, page), 'utf8').replaceAll(/^ *```.*\n[\s\S]*?^ *```$/gm, '');
  return keepCode ? text : text.replaceAll(/`[^`\n]+`/g, '');
}
