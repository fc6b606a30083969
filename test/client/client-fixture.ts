import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createClient,
  memoryStateStore,
  type NodeClient,
  type UploadEvent,
} from '../../packages/client/src/node/index.ts';
import { Api } from '../support/api.ts';
import { sha1Hex } from '../support/bytes.ts';
import { deleteAtExit } from '../support/leftovers.ts';
import { startServer, type TestServer } from '../support/server.ts';

export const PART_SIZE = 65_536;

/** Starts a server with parts so small that a few megabytes have many of them. */
export function startSmallPartsServer(env: Record<string, string> = {}): Promise<TestServer> {
  return startServer({
    env: { PARTWAY_PART_SIZE: String(PART_SIZE), PARTWAY_MIN_SESSION_SIZE: '1', PARTWAY_SHUTDOWN_GRACE: '0s', ...env },
  });
}

/** Creates a client of a server, or of a proxy in front of it, that keeps upload states in memory. */
export function createTestClient(server: { url: string; token: string }, at: { url: string } = server): NodeClient {
  return createClient({ server: at.url, token: server.token, store: memoryStateStore() });
}

export async function temporaryFolder(): Promise<string> {
  return deleteAtExit(await mkdtemp(join(tmpdir(), 'partway-client-')));
}

/** The SHA-1 of a file as downloaded from the server. */
export async function sha1OnServer(server: TestServer, fileId: string): Promise<string> {
  return sha1Hex(await new Api(server).download(fileId));
}

export interface Events {
  onEvent(event: UploadEvent): void;
  types(): string[];
  of<Type extends UploadEvent['type']>(type: Type): Extract<UploadEvent, { type: Type }>[];
}

/** Collects the events of an upload. */
export function collectEvents(): Events {
  const events: UploadEvent[] = [];
  return {
    onEvent: (event) => events.push(event),
    types: () => events.map(({ type }) => type).filter((type) => type !== 'parallel'),
    of: <Type extends UploadEvent['type']>(type: Type) =>
      events.filter((event): event is Extract<UploadEvent, { type: Type }> => event.type === type),
  };
}
