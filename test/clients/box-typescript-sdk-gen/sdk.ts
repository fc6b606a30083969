import { createRequire } from 'node:module';
import type { BoxClient } from 'box-typescript-sdk-gen';
import type { NetworkSession } from 'box-typescript-sdk-gen/networking/network.generated';
import type { TestServer } from '../../support/server.ts';
import type { BoxError, GeneratedSdk } from '../generated/sdk.ts';

// As in its README. The package's modules for `import` lose the fields of its errors because class fields reset them.
const require = createRequire(import.meta.url);
const box = require('box-typescript-sdk-gen') as typeof import('box-typescript-sdk-gen');
const errors = require('box-typescript-sdk-gen/box/errors') as typeof import('box-typescript-sdk-gen/box/errors');
const baseUrls =
  require('box-typescript-sdk-gen/networking/baseUrls.generated') as typeof import('box-typescript-sdk-gen/networking/baseUrls.generated');
const network =
  require('box-typescript-sdk-gen/networking/network.generated') as typeof import('box-typescript-sdk-gen/networking/network.generated');

export const typescriptSdkGen = {
  name: 'box-typescript-sdk-gen',
  connect(server, token = server.token): BoxClient {
    return new box.BoxClient({ auth: new box.BoxDeveloperTokenAuth({ token }), networkSession: networkOf(server) });
  },
  connectAsApp(server, { clientId, clientSecret, enterpriseId }, userId?: string): BoxClient {
    const subject = userId === undefined ? { enterpriseId } : { userId };
    const auth = new box.BoxCcgAuth({ config: new box.CcgConfig({ clientId, clientSecret, ...subject }) });
    return new box.BoxClient({ auth, networkSession: networkOf(server) });
  },
  connectWithJwt(server, configFile): BoxClient {
    const auth = new box.BoxJwtAuth({ config: box.JwtConfig.fromConfigFile(configFile) });
    return new box.BoxClient({ auth, networkSession: networkOf(server) });
  },
  getResponse(error: unknown) {
    if (!(error instanceof errors.BoxApiError)) return undefined;
    const { statusCode, body } = error.responseInfo;
    return { statusCode, body: body as unknown as BoxError | undefined };
  },
  isSdkError: (error): error is Error => error instanceof errors.BoxSdkError,
} satisfies GeneratedSdk;

/** The upload base URL ends in `/api`, as Box's does. */
function networkOf({ url }: TestServer): NetworkSession {
  const urls = new baseUrls.BaseUrls({ baseUrl: url, uploadUrl: `${url}/api`, oauth2Url: `${url}/api/oauth2` });
  return new network.NetworkSession({}).withCustomBaseUrls(urls);
}
