import { relative } from 'node:path';
import { after } from 'node:test';

/**
 * Loaded before each test file by `run-tests.ts`. Ends a process as failed if it still runs long after its last test,
 * and prints what keeps it alive. Otherwise the whole run would wait silently.
 */
const GRACE_MILLIS = 60_000;

/** An entry of the diagnostic report for a resource that can keep a process alive. */
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

// The test runner itself loads this module too.
if (process.env.NODE_TEST_CONTEXT !== undefined) after(() => void setTimeout(end, GRACE_MILLIS).unref());

function end(): void {
  const file = relative(process.cwd(), process.argv[1] ?? '');
  const handles = [...process.getActiveResourcesInfo(), ...listHandles()].join('\n  ');
  console.error(
    `${file} has not ended ${GRACE_MILLIS / 1000} seconds after its tests. What keeps it alive:\n  ${handles}`,
  );
  process.exit(1);
}

function listHandles(): string[] {
  // Otherwise it would look up the name of every address, and the name server may never answer.
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
