import type { CallOptions, NodeClient } from '@partway/client/node/index';
import { nameKey } from '@partway/protocol/names';
import { listSessions } from '../commands/transfer/list-sessions.ts';
import { chooseServer } from '../profiles/choose-server.ts';
import { connect } from '../profiles/connect.ts';
import { readProfiles } from '../profiles/profiles-file.ts';
import { withEnvironment } from '../profiles/server-options.ts';
import { getItem } from '../remote/find-item.ts';
import { listItems } from '../remote/list-items.ts';
import type { DynamicKind } from './describe.ts';

/** A token that expires sooner could be refused, and then renewed. */
const MARGIN_MILLIS = 60_000;
/** More would not fit on a screen. */
const MAX_CANDIDATES = 1000;

/** What is being completed. */
export interface CompletionRequest {
  kind: DynamicKind;
  /** The start of the word. */
  current: string;
  /** The words of the command line, which may select a server. */
  words: readonly string[];
}

/** Returns the words that can stand in a place of the command line. */
export async function listCandidates({ kind, current, words }: CompletionRequest): Promise<string[]> {
  if (kind === 'profile') {
    const { profiles } = await readProfiles();
    return Object.keys(profiles).filter((name) => name.startsWith(current));
  }
  const choice = { profile: valueAfter(words, '--profile'), server: valueAfter(words, '--server') };
  const chosen = await chooseServer(withEnvironment(choice));
  // Renewing a login must not be interrupted, but the shell waits only for a moment. The next command renews it.
  if (chosen.credentials.kind === 'browser' && chosen.credentials.expiresAt < Date.now() + MARGIN_MILLIS) return [];
  using client = connect(chosen);
  if (kind === 'remote') return listPaths(client, current);
  const sessions = await listSessions(client);
  // Shells insert it as it is, so it must not contain what they would run.
  return sessions.map(({ id }) => id).filter((id) => /^\w+$/.test(id) && id.startsWith(current.toUpperCase()));
}

function valueAfter(words: readonly string[], option: string): string | undefined {
  const joined = words.find((word) => word.startsWith(`${option}=`));
  if (joined !== undefined) return joined.slice(option.length + 1) || undefined;
  const index = words.indexOf(option);
  return index === -1 ? undefined : words[index + 1] || undefined;
}

/** Lists the items whose paths begin with `current`. Folders end in a slash, so that the user can continue. */
async function listPaths(client: NodeClient, current: string): Promise<string[]> {
  const options: CallOptions = { retries: 0 };
  const end = current.lastIndexOf('/') + 1;
  const [folderPath, prefix] = [current.slice(0, end), nameKey(current.slice(end))];
  const folder = await getItem(client, folderPath === '' ? '/' : folderPath, 'folder', undefined, options);
  const paths: string[] = [];
  for await (const { type, name } of listItems(client, folder.id, options)) {
    // A line break in a name would look like two candidates. The server refuses such names.
    if (!nameKey(name).startsWith(prefix) || name.includes('\n')) continue;
    paths.push(`${folderPath}${name}${type === 'folder' ? '/' : ''}`);
    if (paths.length === MAX_CANDIDATES) break;
  }
  return paths;
}
