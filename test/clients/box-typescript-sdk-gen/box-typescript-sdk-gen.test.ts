import { testAppTokens } from '../generated/app-tokens.ts';
import { testChunkedUploads } from '../generated/chunked-uploads.ts';
import { testFiles } from '../generated/files.ts';
import { testRefusals } from '../generated/refusals.ts';
import { typescriptSdkGen } from './sdk.ts';

testChunkedUploads(typescriptSdkGen);
testFiles(typescriptSdkGen);
testRefusals(typescriptSdkGen);
testAppTokens(typescriptSdkGen);
