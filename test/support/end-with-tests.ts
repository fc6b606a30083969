import { relative } from 'node:path';
import { after } from 'node:test';

/**
 * Loaded before each test file by `run-tests.ts`: a process that goes on for long after its last test is ended as failed,
 * and says what holds it. It would keep the whole run waiting otherwise, without a word.
 */
const GRACE_MILLIS = 60_000;

/** What a report says of each thing that may keep a process alive. */
interface Handle {
  type: string;
  is_active: boolean;
  is_referenced: boolean;
  localEndpoint?: Endpoint | null;
  remoteEndpoint?: Endpoint | null;
}

interface Endpoint {
  host: string;
  port: number;
}

// The runner itself loads this too.
if (process.env.NODE_TEST_CONTEXT !== undefined) after(() => void setTimeout(end, GRACE_MILLIS).unref());

function end(): void {
  const file = relative(process.cwd(), process.argv[1] ?? '');
  const holding = [...process.getActiveResourcesInfo(), ...listHandles()].join('\n  ');
  console.error(`${file} has not ended ${GRACE_MILLIS / 1000} seconds after its tests. What holds it:\n  ${holding}`);
  process.exit(1);
}

function listHandles(): string[] {
  // Or it would ask a name server, which may never answer, for the name of every address.
  Object.assign(process.report, { excludeNetwork: true });
  const { libuv } = process.report.getReport() as unknown as { libuv: Handle[] };
  return libuv
    .filter(({ is_active, is_referenced }) => is_active && is_referenced)
    .map(({ type, localEndpoint, remoteEndpoint }) =>
      [type, ...[localEndpoint, remoteEndpoint].map((end) => end && `${end.host}:${end.port}`)]
        .filter(Boolean)
        .join(' '),
    );
}
