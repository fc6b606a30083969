import { ApiError, type NodeClient, type UploadState } from '@partway/client/node/index';
import { listPages } from '../../remote/pages.ts';

/** An upload in progress, known from the server, from the states saved on this machine, or both. */
export interface KnownSession {
  id: string;
  /** The name that the file will have; undefined for a new version that keeps the name of its file. */
  name: string | undefined;
  size: number;
  partSize: number;
  totalParts: number;
  /** Number of stored parts. */
  stored: number;
  /** RFC 3339 */
  expiresAt: string;
  /** The path of the local file, if the upload was started on this machine. */
  source: string | undefined;
}

/**
 * Lists the user's uploads in progress: those that the server lists, with details from the states saved on this machine. A
 * server without that call (Box) is asked for each upload with a saved state.
 */
export async function listSessions(client: NodeClient): Promise<KnownSession[]> {
  const records = await readRecords(client);
  const listed = await listServerSessions(client, records);
  return listed ?? (await getRecordedSessions(client, [...records.values()]));
}

/** Returns the saved states of uploads to this server, by session ID. */
export async function readRecords(client: NodeClient): Promise<Map<string, UploadState>> {
  const states = (await client.store?.list()) ?? [];
  const local = states.filter(({ server }) => server === client.addresses.api);
  return new Map(local.map((state) => [state.session.id, state]));
}

async function listServerSessions(
  client: NodeClient,
  records: ReadonlyMap<string, UploadState>,
): Promise<KnownSession[] | undefined> {
  const sessions: KnownSession[] = [];
  try {
    const entries = listPages((queryParams) => client.chunkedUploads.getFileUploadSessions({ queryParams }));
    for await (const entry of entries) {
      const state = records.get(entry.id);
      sessions.push({
        id: entry.id,
        name: entry.file_name ?? state?.session.name,
        size: entry.file_size,
        partSize: entry.part_size,
        totalParts: entry.total_parts,
        stored: entry.num_parts_processed,
        expiresAt: entry.session_expires_at,
        source: state && sourcePath(state),
      });
    }
  } catch (error) {
    if (error instanceof ApiError && (error.status === 404 || error.status === 405)) return undefined;
    throw error;
  }
  return sessions;
}

async function getRecordedSessions(client: NodeClient, states: readonly UploadState[]): Promise<KnownSession[]> {
  const sessions: KnownSession[] = [];
  for (const state of states) {
    const session = await client.chunkedUploads.getFileUploadSessionById(state.session.id).catch(ignoreGone);
    if (session === undefined) continue;
    sessions.push({
      id: session.id,
      name: state.session.name,
      size: state.source.size,
      partSize: session.part_size,
      totalParts: session.total_parts,
      stored: session.num_parts_processed,
      expiresAt: session.session_expires_at,
      source: sourcePath(state),
    });
  }
  return sessions;
}

function ignoreGone(error: unknown): undefined {
  if (error instanceof ApiError && (error.status === 404 || error.status === 410)) return undefined;
  throw error;
}

function sourcePath({ source }: UploadState): string | undefined {
  return source.kind === 'path' ? source.name : undefined;
}
