import { createClient, fileStateStore } from '../../packages/client/src/node/index.ts';

// An upload in a separate process that can be killed. Prints each event and the result as a line of JSON.

const [server = '', path = '', name = '', states = ''] = process.argv.slice(2);
const client = createClient({ server, token: process.env.TOKEN ?? '', store: fileStateStore(states) });
const { file, sha1, bytesResumed, bytesSent } = await client.uploadFile(path, {
  name,
  sessionFrom: 1,
  patience: 30_000,
  onEvent: ({ type }) => console.log(JSON.stringify({ type })),
});
console.log(JSON.stringify({ type: 'result', fileId: file.id, sha1, bytesResumed, bytesSent }));
client.close();
