import assert from 'node:assert/strict';
import { download } from './generated/bodies.ts';
import { boxSuite, newFile } from './yardstick/box-suite.ts';

boxSuite('downloads', {
  'a download returns the uploaded bytes': async ({ client }) => {
    const { file, bytes } = await newFile({ client });

    assert.deepEqual(await download(client, file.id), bytes);
  },

  'the download URL uses https': async ({ client }) => {
    const { file } = await newFile({ client });

    assert.ok((await client.downloads.getDownloadFileUrl(file.id)).includes('https://'));
  },

  'a download follows the location header and fails if that leads nowhere': async ({ client }) => {
    const { file } = await newFile({ client });
    const misled = client.withInterceptors([
      {
        beforeRequest: (options) => options,
        afterRequest: (response) => ({ ...response, headers: { ...response.headers, location: 'nowhere' } }),
      },
    ]);

    await assert.rejects(misled.downloads.downloadFile(file.id), { code: 'ERR_INVALID_URL' });
  },
});
