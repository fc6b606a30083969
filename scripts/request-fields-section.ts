import { readFileSync, writeFileSync } from 'node:fs';
import { noteOf } from '../packages/protocol/src/schemas/field-notes.ts';
import { REQUESTS } from '../packages/protocol/src/schemas/requests.ts';

/**
 * The part of docs/use/api-coverage.md that says which documented fields are refused or ignored, and why: the reasons are
 * those of the schemas. `npx node scripts/request-fields-section.ts` writes it; a test holds it to the schemas.
 */

const PAGE = new URL('../docs/use/api-coverage.md', import.meta.url);
const BEGIN = '<!-- From src/api/schemas/requests.ts by scripts/request-fields-section.ts: change it there. -->';
const END = '<!-- End of that part. -->';

/** The page with that part as the schemas have it. */
export function withSection(page: string): string {
  const from = page.indexOf(BEGIN);
  const to = page.indexOf(END);
  if (from < 0 || to < from) throw new Error('docs/use/api-coverage.md lacks the marks of its generated part.');
  return `${page.slice(0, from + BEGIN.length)}\n\n${section()}\n\n${page.slice(to)}`;
}

export function readPage(): string {
  return readFileSync(PAGE, 'utf8');
}

interface Row {
  field: string;
  becomes: string;
  calls: string[];
}

function section(): string {
  const rows = new Map<string, Row>();
  for (const [call, { body, query = {}, headers = {} }] of Object.entries(REQUESTS)) {
    for (const [field, becomes] of [
      ...(body === undefined ? [] : notesIn(body, '')),
      ...notesIn({ properties: query }, '', 'the parameter '),
      ...notesIn({ properties: headers }, '', 'the header '),
    ]) {
      const row = rows.get(field + becomes) ?? { field, becomes, calls: [] };
      row.calls.push(call.replaceAll(/\{([a-z_]+)\}/g, ':$1'));
      rows.set(field + becomes, row);
    }
  }
  const lines = [...rows.values()].map(
    ({ field, becomes, calls }) => `| ${field} | ${calls.join(', ')} | ${becomes} |`,
  );
  return ['| field | of | what becomes of it |', '| --- | --- | --- |', ...lines].join('\n');
}

/** The fields below a schema that are refused or ignored. */
function notesIn(schema: object, path: string, kind = ''): [field: string, becomes: string][] {
  const { anyOf = [], properties = {} } = schema as { anyOf?: object[]; properties?: Record<string, object> };
  const own = Object.entries(properties).flatMap(([name, property]): [string, string][] => {
    const full = path === '' ? name : `${path}.${name}`;
    const note = noteOf(property);
    if (note === undefined) return notesIn(property, full, kind);
    return [[`${kind}\`${full}\``, 'ignored' in note ? `ignored: ${note.ignored}` : refusal(note.refused)]];
  });
  return [...own, ...anyOf.flatMap((branch) => notesIn(branch, path, kind))];
}

function refusal({
  reason,
  accepts,
  nullToo,
}: {
  reason: string;
  accepts: readonly unknown[];
  nullToo: boolean;
}): string {
  const taken = [...(nullToo ? [] : [null]), ...accepts].map((value) => `\`${JSON.stringify(value)}\``);
  return `refused${taken.length === 0 ? '' : ` (but for ${taken.join(', ')})`}: ${reason}`;
}

if (import.meta.main) writeFileSync(PAGE, withSection(readPage()));
