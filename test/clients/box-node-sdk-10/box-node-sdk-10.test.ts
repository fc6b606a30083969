import { testAppTokens } from '../generated/app-tokens.ts';
import { testChunkedUploads } from '../generated/chunked-uploads.ts';
import { testErrors } from '../generated/errors.ts';
import { testFiles } from '../generated/files.ts';
import { nodeSdk10 } from './sdk.ts';

testChunkedUploads(nodeSdk10);
testFiles(nodeSdk10);
testErrors(nodeSdk10);
testAppTokens(nodeSdk10);
