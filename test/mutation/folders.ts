/** A part of the source that is mutated, and the tests that ought to notice. */
export interface MutatedFolder {
  source: string;
  /** Patterns of test files; of these a mutant meets the ones that run its code. */
  tests: readonly string[];
}

export const FOLDERS: readonly MutatedFolder[] = [
  {
    source: 'packages/server/src/uploads',
    tests: [
      'test/uploads/*.test.ts',
      'test/faults/{races-*,crash-points,durability,failing-sync,lost-answer}.test.ts',
      'test/http/{upload-session,bad-input,list-sessions,limits}.test.ts',
      'test/faults/nodes-*.test.ts',
    ],
  },
  {
    source: 'packages/server/src/storage',
    tests: [
      'test/storage/*.test.ts',
      'test/faults/{durability,failing-sync,disk-full}.test.ts',
      'test/http/tree-*.test.ts',
    ],
  },
  {
    source: 'packages/server/src/files',
    tests: [
      'test/files/*.test.ts',
      'test/http/{tree-*,incoming-space,wrong-clock,users-deletion}.test.ts',
      'test/{fsck,uploads}/*.test.ts',
    ],
  },
  {
    source: 'packages/server/src/auth',
    tests: [
      'test/auth/*.test.ts',
      'test/http/{tokens-*,users*,access,roles,user-roles,terminate-sessions,query-token,wrong-clock}.test.ts',
    ],
  },
  {
    source: 'packages/client/src/upload',
    tests: ['test/client/*.test.ts', 'test/cli/{upload*,standard-input}.test.ts'],
  },
];
