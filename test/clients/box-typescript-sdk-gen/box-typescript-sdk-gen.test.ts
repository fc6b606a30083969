import { testAppTokens } from '../generated/app-tokens.ts';
import { testChunkedUploads } from '../generated/chunked-uploads.ts';
import { testFiles } from '../generated/files.ts';
import { testErrors } from '../generated/refusals.ts';
import { typescriptSdkGen } from './sdk.ts';

testChunkedUploads(typescriptSdkGen);
testFiles(typescriptSdkGen);
testErrors(typescriptSdkGen);
testAppTokens(typescriptSdkGen);
