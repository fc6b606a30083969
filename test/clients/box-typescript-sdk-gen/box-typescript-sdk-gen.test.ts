import { testAppTokens } from '../generated/app-tokens.ts';
import { testChunkedUploads } from '../generated/chunked-uploads.ts';
import { testErrors } from '../generated/errors.ts';
import { testFiles } from '../generated/files.ts';
import { typescriptSdkGen } from './sdk.ts';

testChunkedUploads(typescriptSdkGen);
testFiles(typescriptSdkGen);
testErrors(typescriptSdkGen);
testAppTokens(typescriptSdkGen);
