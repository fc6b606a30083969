/** A part of the source that is mutated, and the tests that should detect the mutants. */
export interface MutatedFolder {
  source: string;
  /** Patterns of test files; a mutant is tested by those that run its code. */
  tests: readonly string[];
  /** The same for test files that run with their bytes on S3 instead of a disk. */
  onS3?: readonly string[];
  /** The same for test files that run on PostgreSQL instead of SQLite, or that need a PostgreSQL. */
  onPostgres?: readonly string[];
}

export const FOLDERS: readonly MutatedFolder[] = [
  {
    source: 'packages/server/src/uploads',
    tests: [
      'test/{uploads,storage}/*.test.ts',
      'test/faults/{races-*,crash-points,durability,failing-sync,lost-response}.test.ts',
      'test/http/{upload-session,bad-input,list-sessions,limits,garbage-collection,wrong-clock}.test.ts',
      'test/s3/faults.test.ts',
    ],
    onPostgres: [
      'test/database/{postgres,leader-lock}.test.ts',
      'test/faults/{nodes-checkpoints,nodes-hash,nodes-ends,nodes-parts,races-ends}.test.ts',
      'test/uploads/{session-limits,statements,unsynced-checkpoint}.test.ts',
    ],
  },
  {
    source: 'packages/server/src/storage',
    tests: [
      'test/storage/*.test.ts',
      'test/s3/{crc32,etags,faults,fsck,s3,store}.test.ts',
      'test/faults/{durability,failing-sync,disk-full,disk-space}.test.ts',
      'test/http/{tree-files,tree-upload,download-conditions,download-paths,part-paths}.test.ts',
    ],
    onS3: ['test/http/upload-session.test.ts'],
  },
  {
    source: 'packages/server/src/files',
    tests: [
      'test/files/*.test.ts',
      'test/http/{tree-*,incoming-space,wrong-clock,users-deletion,download-conditions,restored-database}.test.ts',
      'test/{fsck,uploads}/*.test.ts',
    ],
    onPostgres: ['test/files/{tree-races,quota,trash,copy}.test.ts'],
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
    tests: ['test/client/*.test.ts', 'test/cli/{upload*,standard-input,resume,outage}.test.ts'],
  },
];
