/** Uploads a file with box-node-sdk 10, as documented: `node bench/client/sdk.ts URL TOKEN FILE NAME`. */
import { createReadStream, statSync } from 'node:fs';
import { BoxClient, BoxDeveloperTokenAuth } from 'box-node-sdk';

const [server = '', token = '', file = '', name = ''] = process.argv.slice(2);
const client = new BoxClient({ auth: new BoxDeveloperTokenAuth({ token }) }).withCustomBaseUrls({
  baseUrl: server,
  uploadUrl: `${server}/api`,
  oauth2Url: `${server}/oauth2`,
});
const made = await client.chunkedUploads.uploadBigFile(createReadStream(file), name, statSync(file).size, '0');
console.log(made.sha1);
