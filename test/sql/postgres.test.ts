import { after, describe } from 'node:test';
import { recordsBehave } from '../conformance/records.ts';
import { noPostgres } from '../engines/postgres.ts';
import { newPostgresDatabase, stopPostgres } from './postgres-database.ts';

describe('PostgreSQL', { skip: noPostgres }, () => {
  after(stopPostgres);

  recordsBehave('the records in PostgreSQL', async () => {
    const database = await newPostgresDatabase();
    const close = async () => database[Symbol.asyncDispose]();
    return { db: await database.open(), another: database.open, close };
  });
});
