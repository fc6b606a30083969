import { Refusal } from '@partway/protocol/errors';
import { parseDecimalId, type UserId } from '@partway/protocol/ids';
import type { FastifyRequest } from 'fastify';
import { type Account, listUsersByMarker, listUsersByOffset } from '../../auth/users/list.ts';
import type { Files } from '../../files/context.ts';
import { limitShown, withinBytes } from '../render/page-bytes.ts';
import { renderUser } from '../render/user.ts';
import { offsetPageOf } from '../request/offset-page.ts';
import { isTrue } from '../request/query-flag.ts';

const ORDER = [{ by: 'id', direction: 'ASC' }];
const MARKER = 'user:';

/** The page of users that a request asks for, by offset or by marker. */
export async function userList(files: Files, request: FastifyRequest): Promise<Record<string, unknown>> {
  const { usemarker, marker, filter_term: term, user_type: type, external_app_user_id: external } = queryOf(request);
  const { offset, limit } = offsetPageOf(request, { defaultLimit: 100 });
  const after = parseMarker(marker);
  checkType(type);
  const filter = { startsWith: term || undefined, externalAppUserId: external };
  // There are no users of other enterprises, and the empty id is nobody's.
  const nobody = type === 'external' || external === '';
  const { listBytes } = files.limits;
  const bounds = { ...filter, wideBytes: listBytes };
  const rendered = (users: Account[]) => withinBytes(users, listBytes, (user) => renderUser(files, request, user));

  if (isTrue(usemarker) || after !== undefined) {
    const page = nobody
      ? { entries: [], next: undefined }
      : await listUsersByMarker(files.db, { ...bounds, after, limit });
    const entries = rendered(page.entries);
    const last = entries.length < page.entries.length ? page.entries[entries.length - 1]?.id : page.next;
    return { entries, limit, ...(last !== undefined && { next_marker: renderMarker(last) }) };
  }
  const page = nobody ? { entries: [], total: 0 } : await listUsersByOffset(files.db, { ...bounds, offset, limit });
  const entries = rendered(page.entries);
  return {
    total_count: page.total,
    entries,
    offset,
    limit: limitShown(entries, { ...page, offset, limit }),
    order: ORDER,
  };
}

function queryOf(request: FastifyRequest): Record<string, string | undefined> {
  const query = request.query as Record<string, string | string[]>;
  return Object.fromEntries(
    Object.entries(query).map(([name, value]) => {
      if (typeof value === 'string' || name === 'fields') return [name, String(value)];
      throw new Refusal('bad_request', `${name} can be given once only.`);
    }),
  );
}

function checkType(type: string | undefined): void {
  if (type === undefined || ['', 'all', 'managed', 'external'].includes(type)) return;
  throw new Refusal('bad_request', 'user_type is all, managed or external.');
}

/** A place in the list as text that means nothing to clients. */
function renderMarker(id: UserId): string {
  return Buffer.from(`${MARKER}${id}`).toString('base64url');
}

function parseMarker(text: string | undefined): UserId | undefined {
  if (text === undefined || text === '') return undefined;
  const decoded = Buffer.from(text, 'base64url').toString();
  const id = decoded.startsWith(MARKER) ? parseDecimalId(decoded.slice(MARKER.length)) : undefined;
  if (id !== undefined) return id as UserId;
  throw new Refusal('bad_request', 'The marker is not one that this server gave out: begin without one.');
}
