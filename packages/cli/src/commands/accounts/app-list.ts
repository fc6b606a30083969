import { listAppKeys, listApps, listRedirects } from '@partway/server/auth/apps/store';
import type { Command } from 'commander';
import { inColumns, onRows } from '../data-command.ts';

/** `partway app list` */
export function addAppListCommand(app: Command): void {
  onRows(app.command('list').description('list apps'), async (db) => {
    const apps = [];
    for (const row of await listApps(db)) {
      apps.push({
        client_id: row.client_id,
        name: row.name,
        service_user_id: String(row.service_user_id),
        as_user: row.as_user === 1,
        redirect_uris: await listRedirects(db, row.client_id),
        key_ids: (await listAppKeys(db, row.client_id)).map(({ kid }) => kid),
      });
    }
    return {
      text: inColumns(
        apps.map((one) => [
          one.client_id,
          one.name,
          one.service_user_id,
          one.as_user ? 'as-user' : '-',
          one.redirect_uris.join(' ') || '-',
          one.key_ids.join(' ') || '-',
        ]),
      ),
      json: apps,
    };
  });
}
