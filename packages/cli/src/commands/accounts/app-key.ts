import { readFile } from 'node:fs/promises';
import { addAppKey } from '@partway/server/auth/apps/keys';
import { findApp } from '@partway/server/auth/apps/store';
import type { Command } from 'commander';
import { onRows } from '../data-command.ts';

/** `partway app key add` */
export function addAppKeyCommand(app: Command): void {
  const key = app.command('key').description('register the keys with which apps sign');
  const command = key.command('add').argument('<client-id>', 'whose').argument('<file>', 'RSA public key (PEM)');
  onRows(command.description('register a public key'), async (db, [clientId = '', path = '']) => {
    const pem = await readFile(path, 'utf8');
    if ((await findApp(db, clientId)) === undefined) {
      throw new Error(`There is no app ${clientId}: partway app list shows all.`);
    }
    const kid = await addAppKey(db, { clientId, pem, now: Date.now() });
    return { text: `key id  ${kid}`, json: { client_id: clientId, key_id: kid } };
  });
}
