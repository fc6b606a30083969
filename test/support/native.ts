import { Native, openNative } from '../../packages/native/src/native.ts';

const { PARTWAY_NATIVE, PARTWAY_TEST_NATIVE } = process.env;
const opened = PARTWAY_NATIVE === 'off' ? { reason: 'PARTWAY_NATIVE is off' } : openNative(2, PARTWAY_TEST_NATIVE);

/**
 * The native module, for tests that run with it if this machine has it. PARTWAY_NATIVE=off runs them without it, and
 * PARTWAY_TEST_NATIVE is another build of it, such as one with sanitizers.
 */
export const testNative: Native | undefined = opened instanceof Native ? opened : undefined;

/** Why tests of the native module are skipped; false if they are not. */
export const noNative: string | false = opened instanceof Native ? false : opened.reason;
