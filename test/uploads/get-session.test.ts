import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { NodeId, SessionId } from '../../packages/protocol/src/ids.ts';
import { addUser } from '../../packages/server/src/auth/accounts.ts';
import { getOwnSession } from '../../packages/server/src/uploads/get-session.ts';
import { MultiNodeRegistry } from '../../packages/server/src/uploads/registry/multi-node.ts';
import { SingleNodeRegistry } from '../../packages/server/src/uploads/registry/single-node.ts';
import { findSession } from '../../packages/server/src/uploads/session-store.ts';
import { LIFETIME, openUploadFixture, type UploadFixture } from './upload-fixture.ts';
import { commitUpload, createUpload, sendAllParts } from './upload-steps.ts';

const NODE = '0123456789abcdef' as NodeId;

const FINDERS = {
  'a request': ({ uploads }: UploadFixture) => getOwnSession.bind(undefined, uploads),
  'the registry of a single node': ({ uploads }: UploadFixture) => {
    const registry = new SingleNodeRegistry({ ...uploads, node: NODE });
    return registry.getSession.bind(registry);
  },
  // Called twice, so that it answers from memory.
  'the registry of several nodes': ({ uploads }: UploadFixture) => {
    const registry = new MultiNodeRegistry({ ...uploads, node: NODE });
    return registry.getSession.bind(registry);
  },
};

for (const [who, createFinder] of Object.entries(FINDERS)) {
  describe(`a session looked up by ${who}`, () => {
    it('is found by its owner until it expires, and by nobody else', async () => {
      await using fixture = await openUploadFixture();
      const find = createFinder(fixture);
      const { session } = await createUpload(fixture);
      const other = await addUser(fixture.uploads.db, { login: 'other@partway.test', name: 'O', now: 1 });
      for (let times = 0; times < 2; times += 1) {
        assert.deepEqual(await find(session.owner, session.id), session);
        await assert.rejects(find(other.id, session.id), { code: 'forbidden' });
      }
      await assert.rejects(find(session.owner, 'A'.repeat(32) as SessionId), { code: 'session-not-found' });
      fixture.clock.advance(LIFETIME - 1);
      await find(session.owner, session.id);
      fixture.clock.advance(1);
      await assert.rejects(find(session.owner, session.id), { code: 'session-expired' });
    });

    it('is found after its file was created, even after its expiry time', async () => {
      await using fixture = await openUploadFixture();
      const find = createFinder(fixture);
      const upload = await createUpload(fixture);
      await sendAllParts(fixture, upload);
      await commitUpload(fixture, upload);
      fixture.clock.advance(2 * LIFETIME);
      const { state } = await find(upload.session.owner, upload.session.id);
      assert.equal(state, 'committed');
    });

    it('is expired once the server has ended it, whatever its expiry time', async () => {
      await using fixture = await openUploadFixture();
      const find = createFinder(fixture);
      const { session } = await createUpload(fixture);
      await fixture.uploads.db.updateTable('upload_sessions').set({ state: 'expired' }).execute();
      await assert.rejects(find(session.owner, session.id), { code: 'session-expired' });
    });
  });
}

it('a session for a new file whose row has no name is rejected as damaged', async () => {
  await using fixture = await openUploadFixture();
  const { session } = await createUpload(fixture);
  await fixture.uploads.db.updateTable('upload_sessions').set({ name: null }).execute();
  await assert.rejects(findSession(fixture.uploads.db, session.id), /no name/);
});
