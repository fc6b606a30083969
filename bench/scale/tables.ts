import { planParts } from '../../packages/server/src/uploads/part-layout.ts';
import { markdownTable } from '../document/markdown-table.ts';
import {
  BLOBS_PER_QUERY,
  BUCKETS,
  BYTES_PER_DAY,
  CLIENT_SPEED,
  CONNECTIONS_WITHOUT_POOLER,
  FILE_SIZES,
  KEPT_DAYS,
  KEYS_PER_LIST_REQUEST,
  NODES,
  OPEN_SESSIONS,
  OTHER_CONNECTIONS,
  PEAK,
  POOL,
  PRICE_PER_WRITE_REQUEST,
  STATEMENTS_PER_PART,
  STATEMENTS_PER_UPLOAD,
  STORED_SHARE,
} from './assumptions.ts';
import { MEASURED } from './measured.ts';
import { amount, bytes, duration, money } from './say.ts';

const DAY_SECONDS = 86_400;
const MIB = 1024 * 1024;
const LARGE_PARTS = 64 * MIB;

/** The tables of docs/operate/scale.md by name, as Markdown. */
export function scaleTables(): Record<string, string> {
  return { load: load(), rows: rows(), nodes: nodes(), sweep: sweep() };
}

/** Uploads, parts, statements and requests for a day's bytes, by the mean file size. */
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
    const uploads = (PEAK * BYTES_PER_DAY) / DAY_SECONDS / fileSize;
    // Each upload has one request per part, one to create it and one to complete it.
    const requests = (BYTES_PER_DAY / fileSize) * (partCount + 2);
    return [
      bytes(fileSize),
      partLabel(partSize),
      amount(uploads),
      amount(uploads * partCount),
      amount(uploads * (partCount * STATEMENTS_PER_PART + STATEMENTS_PER_UPLOAD)),
      `${bytes(uploads * partCount * MEASURED.logBytesPerPart)}/s`,
      amount(requests),
      money(requests * PRICE_PER_WRITE_REQUEST),
    ];
  });
  return markdownTable(columns, lines);
}

/** The size of PostgreSQL's rows: of open sessions, of committed ones until they are deleted, and of files. */
function rows(): string {
  const [session, part, file] = [
    MEASURED.bytesPerRow.session,
    MEASURED.bytesPerRow.part,
    MEASURED.bytesPerRow.file,
  ].map(({ rows: ofRows, indexes }) => ofRows + indexes) as [number, number, number];
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
    const filesPerDay = BYTES_PER_DAY / fileSize;
    const committedPerDay = filesPerDay * (session + partCount * part);
    return [
      bytes(fileSize),
      partLabel(partSize),
      amount(open),
      bytes(OPEN_SESSIONS * session + open * part),
      amount(filesPerDay * partCount * KEPT_DAYS),
      bytes(committedPerDay * KEPT_DAYS),
      bytes(committedPerDay),
      bytes(filesPerDay * file),
    ];
  });
  return markdownTable(columns, lines);
}

/** The load of each node, by the number of nodes. */
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
    const mean = BYTES_PER_DAY / DAY_SECONDS / count;
    const peak = mean * PEAK;
    const clients = peak / CLIENT_SPEED;
    const cores = (peak / 1e9) * MEASURED.node.cpuSecondsPerGigabyte;
    const connections = count * (POOL + OTHER_CONNECTIONS);
    const short = [
      (peak / 1e9) * MEASURED.node.loopCpuSecondsPerGigabyte > 1 ? 'the nodes' : '',
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

/** The cost of listing a whole bucket and querying for each blob whether a row references it. */
function sweep(): string {
  const columns = ['Objects', 'List requests', 'Price', 'Time, sequentially', 'PostgreSQL queries', 'Time'];
  const lines = BUCKETS.map((objects) => {
    const requests = objects / KEYS_PER_LIST_REQUEST;
    const queries = objects / BLOBS_PER_QUERY;
    return [
      amount(objects),
      amount(requests),
      money(requests * PRICE_PER_WRITE_REQUEST),
      duration((requests * MEASURED.millisPerListRequest) / 1000),
      amount(queries),
      duration((queries * MEASURED.millisPerHundredBlobs) / 1000),
    ];
  });
  return markdownTable(columns, lines);
}

/** The part layouts of all file sizes, with the default part size and with larger parts if the file is large enough. */
function withLargeParts(): { fileSize: number; partSize: number; partCount: number }[] {
  const layouts = FILE_SIZES.flatMap((fileSize) => [planParts(fileSize), planParts(fileSize, LARGE_PARTS)]);
  return layouts.filter(({ fileSize, partSize }) => fileSize >= partSize * 2);
}

function partLabel(partSize: number): string {
  return `${partSize / MIB} MiB`;
}
