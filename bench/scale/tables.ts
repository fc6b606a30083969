import { planParts } from '../../packages/server/src/uploads/part-layout.ts';
import {
  ASIDE,
  ASKED_AT_A_TIME,
  BUCKETS,
  BYTES_A_DAY,
  CLIENT_SPEED,
  CONNECTIONS_WITHOUT_POOLER,
  FILE_SIZES,
  KEPT_DAYS,
  LISTED_A_REQUEST,
  NODES,
  OPEN_SESSIONS,
  PEAK,
  POOL,
  PRICE_A_WRITE_REQUEST,
  STATEMENTS_A_PART,
  STATEMENTS_AN_UPLOAD,
  STORED_SHARE,
} from './assumptions.ts';
import { markdownTable } from './markdown-table.ts';
import { MEASURED } from './measured.ts';
import { amount, bytes, duration, money } from './say.ts';

const DAY_SECONDS = 86_400;
const MIB = 1024 * 1024;
const LARGE_PARTS = 64 * MIB;

/** The tables of docs/operate/scale.md by name, as Markdown. */
export function scaleTables(): Record<string, string> {
  return { load: load(), rows: rows(), nodes: nodes(), sweep: sweep() };
}

/** What a day's bytes are in uploads, parts, statements and requests, by the mean size of files. */
function load(): string {
  const columns = [
    'Mean file',
    'Part size',
    'Uploads/s, peak',
    'Parts/s, peak',
    'Statements/s, peak',
    'Write-ahead log, peak',
    'S3 requests per day',
    'Price per day',
  ];
  const lines = withLargeParts().map(({ fileSize, partSize, partCount }) => {
    const uploads = (PEAK * BYTES_A_DAY) / DAY_SECONDS / fileSize;
    // Of each upload besides its parts: to begin it and to complete it.
    const requests = (BYTES_A_DAY / fileSize) * (partCount + 2);
    return [
      bytes(fileSize),
      partLabel(partSize),
      amount(uploads),
      amount(uploads * partCount),
      amount(uploads * (partCount * STATEMENTS_A_PART + STATEMENTS_AN_UPLOAD)),
      `${bytes(uploads * partCount * MEASURED.logBytesAPart)}/s`,
      amount(requests),
      money(requests * PRICE_A_WRITE_REQUEST),
    ];
  });
  return markdownTable(columns, lines);
}

/** What PostgreSQL keeps: of open sessions, of committed ones until they are forgotten, and of files for ever. */
function rows(): string {
  const [session, part, file] = [MEASURED.bytesARow.session, MEASURED.bytesARow.part, MEASURED.bytesARow.file].map(
    ({ rows: ofRows, indexes }) => ofRows + indexes,
  ) as [number, number, number];
  const columns = [
    'Mean file',
    'Part size',
    'Parts of open sessions',
    'Size, with sessions',
    'Parts kept after commit',
    `Size, ${KEPT_DAYS} days`,
    'Size, 1 day',
    'Rows of files per day',
  ];
  const lines = withLargeParts().map(({ fileSize, partSize, partCount }) => {
    const open = OPEN_SESSIONS * partCount * STORED_SHARE;
    const filesADay = BYTES_A_DAY / fileSize;
    const committedADay = filesADay * (session + partCount * part);
    return [
      bytes(fileSize),
      partLabel(partSize),
      amount(open),
      bytes(OPEN_SESSIONS * session + open * part),
      amount(filesADay * partCount * KEPT_DAYS),
      bytes(committedADay * KEPT_DAYS),
      bytes(committedADay),
      bytes(filesADay * file),
    ];
  });
  return markdownTable(columns, lines);
}

/** What each of so many nodes does, of all the bytes. */
function nodes(): string {
  const columns = [
    'Nodes',
    'Bytes, mean and peak',
    'Network, peak, in and out',
    'Cores, peak',
    'Clients, peak',
    'Spool, peak',
    'PostgreSQL connections',
    'Bottleneck',
  ];
  const lines = NODES.map((count) => {
    const mean = BYTES_A_DAY / DAY_SECONDS / count;
    const peak = mean * PEAK;
    const clients = peak / CLIENT_SPEED;
    const cores = (peak / 1e9) * MEASURED.node.cpuSecondsAGigabyte;
    const connections = count * (POOL + ASIDE);
    const short = [
      (peak / 1e9) * MEASURED.node.loopCpuSecondsAGigabyte > 1 ? 'the nodes' : '',
      connections > CONNECTIONS_WITHOUT_POOLER ? 'the connections' : '',
    ].filter((what) => what !== '');
    return [
      amount(count),
      `${bytes(mean)}/s, ${bytes(peak)}/s`,
      `2 × ${amount((peak * 8) / 1e9)} Gbit/s`,
      amount(cores),
      amount(clients),
      bytes(clients * 8 * MIB),
      amount(connections),
      short.join(', ') || 'none',
    ];
  });
  return markdownTable(columns, lines);
}

/** What it costs to list a whole bucket and to ask for each content whether a row names it. */
function sweep(): string {
  const columns = ['Objects', 'List requests', 'Price', 'Time, sequentially', 'PostgreSQL queries', 'Time'];
  const lines = BUCKETS.map((objects) => {
    const requests = objects / LISTED_A_REQUEST;
    const questions = objects / ASKED_AT_A_TIME;
    return [
      amount(objects),
      amount(requests),
      money(requests * PRICE_A_WRITE_REQUEST),
      duration((requests * MEASURED.millisAListRequest) / 1000),
      amount(questions),
      duration((questions * MEASURED.millisAHundredContents) / 1000),
    ];
  });
  return markdownTable(columns, lines);
}

/** Each size of file as Partway cuts it unless told otherwise; the last one in larger parts, too. */
function withLargeParts(): { fileSize: number; partSize: number; partCount: number }[] {
  const layouts = FILE_SIZES.flatMap((fileSize) => [planParts(fileSize), planParts(fileSize, LARGE_PARTS)]);
  return layouts.filter(({ fileSize, partSize }) => fileSize >= partSize * 2);
}

function partLabel(partSize: number): string {
  return `${partSize / MIB} MiB`;
}
