import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fastify, { type FastifyInstance, type RouteOptions } from 'fastify';
import { readConfig } from '../../packages/server/src/config/config.ts';
import { PREFIXES } from '../../packages/server/src/http/addresses.ts';
import { requirePolicies } from '../../packages/server/src/http/hooks/authenticate.ts';
import { requirePermissions } from '../../packages/server/src/http/hooks/scopes.ts';
import { startServer } from '../../packages/server/src/server.ts';
import { API_ROUTES } from '../auth/api-routes.ts';
import { deleteAtExit, deleteFolder } from '../support/leftovers.ts';
import { dropTestDatabase, ensureDatabase } from '../support/test-database.ts';

async function listDeclaredRoutes(): Promise<RouteOptions[]> {
  const routes: RouteOptions[] = [];
  const watch = (message: unknown) => {
    (message as { fastify: FastifyInstance }).fastify.addHook('onRoute', (route) => void routes.push(route));
  };
  subscribe('fastify.initialization', watch);
  const dataFolder = deleteAtExit(await mkdtemp(join(tmpdir(), 'partway-routes-')));
  const settings = {
    PARTWAY_LISTEN: '127.0.0.1:0',
    PARTWAY_DATA: dataFolder,
    PARTWAY_LOG: 'silent' as const,
    ...(await ensureDatabase(dataFolder)),
  };
  try {
    const server = await startServer(readConfig(settings));
    await server.stop();
  } finally {
    unsubscribe('fastify.initialization', watch);
    await dropTestDatabase(dataFolder);
    deleteFolder(dataFolder);
  }
  return routes;
}

test("every route that requires a token is in the tests' table, with the scope that it declares", async () => {
  const declared = (await listDeclaredRoutes())
    .filter(({ config }) => config?.policy === 'bearer')
    .flatMap(({ method, url, config }) => [method].flat().map((one) => `${one} ${url} ${config?.permission}`))
    // Every GET has a HEAD.
    .filter((line) => !line.startsWith('HEAD '));
  const expected = API_ROUTES.flatMap(({ method, url, needs }) =>
    PREFIXES.map((prefix) => `${method} ${prefix}${url} ${needs}`),
  );
  assert.deepEqual(declared.toSorted(), expected.toSorted());
});

test('only these routes require no token', async () => {
  const open = (await listDeclaredRoutes()).filter(({ config }) => config?.policy !== 'bearer');
  assert.deepEqual([...new Set(open.map(({ url, config }) => `${config?.policy} ${url}`))].toSorted(), [
    'public /api/oauth2/authorize',
    'public /api/oauth2/revoke',
    'public /api/oauth2/token',
    'public /healthz',
    'public /oauth2/authorize',
    'public /oauth2/revoke',
    'public /oauth2/token',
    'public /readyz',
    'public /thumbnails/placeholder.jpg',
    'public /thumbnails/placeholder.png',
    'signed-url /downloads/:file_id/:version_id',
    // Answers the preflights of browsers.
    'undefined *',
  ]);
});

test('the server does not start with a route that declares no policy, no scope or an unknown kind of item', () => {
  const declare = (url: string, config: RouteOptions['config']) => {
    const app = fastify();
    requirePolicies(app);
    requirePermissions(app);
    app.get(url, { ...(config && { config }) }, async () => ({}));
  };
  assert.throws(() => declare('/x', undefined), /declares no policy/);
  assert.throws(() => declare('/x', { policy: 'bearer' }), /declares no permission/);
  assert.throws(() => declare('/x/:thing_id', { policy: 'bearer', permission: 'read' }), /:thing_id/);
  declare('/x/:file_id', { policy: 'bearer', permission: 'read' });
});
