import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { BoxClient, BoxDeveloperTokenAuth } from 'box-node-sdk';
import { BoxApiError } from 'box-node-sdk/box';
import { BaseUrls, NetworkSession } from 'box-node-sdk/networking';
import { seededBytes } from '../../support/bytes.ts';
import { startServer, type TestServer } from '../../support/server.ts';
import { present, streamOf } from '../generated/bodies.ts';

/** What a check can use: box-node-sdk 10 on a TLS server that only the checks of one family use. */
export interface BoxSuite {
  server: TestServer;
  network: NetworkSession;
  client: BoxClient;
}

/** What Box's integration tests of one family assert, each with a title of ours. */
export type Checks = Record<string, (suite: BoxSuite) => Promise<void>>;

/**
 * Box publishes integration tests with its SDKs, which run against Box itself. These suites check the same for
 * Partway, in our own words and code. Checks of missing features run too, but may fail.
 */
export function boxSuite(
  family: string,
  checks: Checks,
  missing: { why: string; checks: Checks } | undefined = undefined,
): void {
  describe(`Box's integration tests: ${family}`, () => {
    let suite: BoxSuite;

    before(async () => {
      const server = await startServer({ tls: true });
      const network = networkOf(server);
      const auth = new BoxDeveloperTokenAuth({ token: server.token });
      suite = { server, network, client: new BoxClient({ auth, networkSession: network }) };
    });
    after(() => suite.server[Symbol.asyncDispose]());

    for (const [sentence, check] of Object.entries(checks)) test(sentence, () => check(suite));
    for (const [sentence, check] of Object.entries(missing?.checks ?? {})) {
      test(sentence, { todo: missing?.why ?? true }, () => check(suite));
    }
  });
}

/** For `assert.rejects`: the SDK threw an error for a response with this status and, if given, this code. */
export function failsWith(status: number, code?: string): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof BoxApiError, `expected a response error, not ${error}`);
    const { statusCode, body } = error.responseInfo;
    assert.equal(statusCode, status);
    if (code !== undefined) assert.equal((body as { code?: string } | undefined)?.code, code);
    return true;
  };
}

/** A name that does not exist yet. */
export function newName(): string {
  return randomUUID();
}

/** Uploads a file of `size` bytes to the root folder. */
export async function newFile({ client }: Pick<BoxSuite, 'client'>, size = 1024 * 1024, name = newName()) {
  const attributes = { name, parent: { id: '0' } };
  const bytes = seededBytes(size, name);
  const { entries } = await client.uploads.uploadFile({ attributes, file: streamOf(bytes) });
  return { file: present(entries?.[0]), bytes };
}

export function newFolder({ client }: Pick<BoxSuite, 'client'>, parent = '0') {
  return client.folders.createFolder({ name: newName(), parent: { id: parent } });
}

function networkOf({ url, certificates }: TestServer): NetworkSession {
  const baseUrls = new BaseUrls({ baseUrl: url, uploadUrl: `${url}/api`, oauth2Url: `${url}/api/oauth2` });
  const ca = readFileSync(present(certificates).ca);
  return new NetworkSession({ baseUrls }).withCustomAgentOptions({ ca });
}
