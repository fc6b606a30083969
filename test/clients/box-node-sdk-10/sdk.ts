import { BoxCcgAuth, BoxClient, BoxDeveloperTokenAuth, BoxJwtAuth, CcgConfig, JwtConfig } from 'box-node-sdk';
import { BoxApiError, BoxSdkError } from 'box-node-sdk/box';
import { BaseUrls, NetworkSession } from 'box-node-sdk/networking';
import type { TestServer } from '../../support/server.ts';
import type { BoxError, GeneratedSdk } from '../generated/sdk.ts';

export const nodeSdk10 = {
  name: 'box-node-sdk 10',
  connect(server, token = server.token): BoxClient {
    return new BoxClient({ auth: new BoxDeveloperTokenAuth({ token }), networkSession: networkOf(server) });
  },
  connectAsApp(server, { clientId, clientSecret, enterpriseId }, userId?: string): BoxClient {
    const subject = userId === undefined ? { enterpriseId } : { userId };
    const auth = new BoxCcgAuth({ config: new CcgConfig({ clientId, clientSecret, ...subject }) });
    return new BoxClient({ auth, networkSession: networkOf(server) });
  },
  connectWithJwt(server, configFile): BoxClient {
    const auth = new BoxJwtAuth({ config: JwtConfig.fromConfigFile(configFile) });
    return new BoxClient({ auth, networkSession: networkOf(server) });
  },
  getResponse(error: unknown) {
    if (!(error instanceof BoxApiError)) return undefined;
    const { statusCode, body } = error.responseInfo;
    return { statusCode, body: body as unknown as BoxError | undefined };
  },
  isSdkError: (error): error is Error => error instanceof BoxSdkError,
} satisfies GeneratedSdk;

/** The upload base URL ends in `/api`, as Box's does. */
export function networkOf({ url }: Pick<TestServer, 'url'>): NetworkSession {
  const baseUrls = new BaseUrls({ baseUrl: url, uploadUrl: `${url}/api`, oauth2Url: `${url}/api/oauth2` });
  return new NetworkSession({}).withCustomBaseUrls(baseUrls);
}
