import { ApiError, type NodeClient, type UploadState } from '@partway/client/node/index';

/** An upload under way, as the server has it, this machine's records, or both. */
export interface KnownSession {
  id: string;
  /** The name of the file to be; undefined for a new version that keeps the name of its file. */
  name: string | undefined;
  size: number;
  partSize: number;
  totalParts: number;
  /** How many parts are stored. */
  stored: number;
  /** RFC 3339 */
  expiresAt: string;
  /** What is uploaded, where it was begun on this machine: a path. */
  source: string | undefined;
}

/**
 * All uploads under way of this user: those that the server lists, with what this machine knows of them. A server without
 * that call (Box) is asked for each that this machine has a record of.
 */
export async function knownSessions(client: NodeClient): Promise<KnownSession[]> {
  const records = await ownRecords(client);
  const listed = await listedSessions(client, records);
  return listed ?? (await recordedSessions(client, [...records.values()]));
}

/** The records of uploads to this server, by their session's id. */
export async function ownRecords(client: NodeClient): Promise<Map<string, UploadState>> {
  const states = (await client.store?.list()) ?? [];
  const here = states.filter(({ server }) => server === client.addresses.api);
  return new Map(here.map((state) => [state.session.id, state]));
}

async function listedSessions(
  client: NodeClient,
  records: ReadonlyMap<string, UploadState>,
): Promise<KnownSession[] | undefined> {
  const found: KnownSession[] = [];
  let marker: string | undefined;
  try {
    do {
      const queryParams = { limit: 1000, ...(marker !== undefined && { marker }) };
      const page = await client.chunkedUploads.getFileUploadSessions({ queryParams });
      for (const entry of page.entries) {
        const state = records.get(entry.id);
        found.push({
          id: entry.id,
          name: entry.file_name ?? state?.session.name,
          size: entry.file_size,
          partSize: entry.part_size,
          totalParts: entry.total_parts,
          stored: entry.num_parts_processed,
          expiresAt: entry.session_expires_at,
          source: state && pathOf(state),
        });
      }
      marker = page.next_marker;
    } while (marker !== undefined);
  } catch (error) {
    if (error instanceof ApiError && (error.status === 404 || error.status === 405)) return undefined;
    throw error;
  }
  return found;
}

async function recordedSessions(client: NodeClient, states: readonly UploadState[]): Promise<KnownSession[]> {
  const found: KnownSession[] = [];
  for (const state of states) {
    const session = await client.chunkedUploads.getFileUploadSessionById(state.session.id).catch(unlessGone);
    if (session === undefined) continue;
    found.push({
      id: session.id,
      name: state.session.name,
      size: state.source.size,
      partSize: session.part_size,
      totalParts: session.total_parts,
      stored: session.num_parts_processed,
      expiresAt: session.session_expires_at,
      source: pathOf(state),
    });
  }
  return found;
}

function unlessGone(error: unknown): undefined {
  if (error instanceof ApiError && (error.status === 404 || error.status === 410)) return undefined;
  throw error;
}

/** Where the bytes come from, if that is a file on this machine. */
function pathOf({ source }: UploadState): string | undefined {
  return source.kind === 'path' ? source.name : undefined;
}
