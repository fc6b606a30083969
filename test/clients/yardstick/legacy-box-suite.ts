import { after, before, describe } from 'node:test';
import { startServer, type TestServer } from '../../support/server.ts';
import { legacyBasicClient } from '../box-node-sdk-3/sdk.ts';
import { newName } from './box-suite.ts';

// biome-ignore lint/suspicious/noExplicitAny: the legacy SDK returns untyped bodies.
export type Body = any;

/** box-node-sdk 3 on a TLS server of its family, and a folder there. */
export interface LegacyFixture {
  client: ReturnType<typeof legacyBasicClient>;
  folder: Body;
}

/**
 * The legacy SDKs (Node.js 3, Python 3, Java 4) have integration tests of their own, which assert more than those of
 * the generated ones. `tests` check the same for Partway, in our own words and code. The fixture is only filled when
 * a test runs.
 */
export function legacyBoxSuite(family: string, tests: (yard: LegacyFixture) => void): void {
  describe(`integration tests of the legacy SDKs: ${family}`, () => {
    let server: TestServer;
    const yard = {} as LegacyFixture;
    before(async () => {
      server = await startServer({ tls: true });
      yard.client = legacyBasicClient(server);
      yard.folder = await yard.client.folders.create('0', newName());
    });
    after(() => server[Symbol.asyncDispose]());
    tests(yard);
  });
}

/** A small file in the fixture's folder. */
export async function newLegacyFile(
  { client, folder }: LegacyFixture,
  content: Buffer | string = 'small',
  options: Body = {},
): Promise<Body> {
  const { entries }: Body = await client.files.uploadFile(folder.id, `${newName()}.txt`, Buffer.from(content), options);
  return entries[0];
}

/** The names in a folder, in list order. */
export async function namesIn({ client }: LegacyFixture, folderId: string, query: Body = {}): Promise<string[]> {
  const { entries }: Body = await client.folders.getItems(folderId, query);
  return entries.map(({ name }: Body) => name);
}
