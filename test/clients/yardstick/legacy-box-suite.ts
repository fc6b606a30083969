import { after, before, describe } from 'node:test';
import { startServer, type TestServer } from '../../support/server.ts';
import { legacyBasicClient } from '../box-node-sdk-3/sdk.ts';
import { newName } from './box-suite.ts';

// biome-ignore lint/suspicious/noExplicitAny: the legacy SDK gives bodies as they came, without types.
export type Body = any;

/** box-node-sdk 3 on a TLS server of its family, and a folder there. */
export interface LegacyYard {
  client: ReturnType<typeof legacyBasicClient>;
  folder: Body;
}

/**
 * The legacy SDKs (Node 3, Python 3, Java 4) have integration tests of their own, which assert more than those of the
 * generated ones. What they assert of a family is asked of Partway by `tests`, in words and code of our own. There is
 * something in the yard only once a test runs.
 */
export function legacyYardstick(family: string, tests: (yard: LegacyYard) => void): void {
  describe(`what the integration tests of the legacy SDKs assert of ${family}`, () => {
    let server: TestServer;
    const yard = {} as LegacyYard;
    before(async () => {
      server = await startServer({ tls: true });
      yard.client = legacyBasicClient(server);
      yard.folder = await yard.client.folders.create('0', newName());
    });
    after(() => server[Symbol.asyncDispose]());
    tests(yard);
  });
}

/** A small file in the yard's folder. */
export async function newLegacyFile(
  { client, folder }: LegacyYard,
  content: Buffer | string = 'small',
  options: Body = {},
): Promise<Body> {
  const { entries }: Body = await client.files.uploadFile(folder.id, `${newName()}.txt`, Buffer.from(content), options);
  return entries[0];
}

/** The names in a folder, in the order of the list. */
export async function namesIn({ client }: LegacyYard, folderId: string, query: Body = {}): Promise<string[]> {
  const { entries }: Body = await client.folders.getItems(folderId, query);
  return entries.map(({ name }: Body) => name);
}
