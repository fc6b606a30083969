/** What is asked of the hash worker, and what it answers; one after the other. */
export type HashJob = { id: number; bytes: Blob } | { id: number; bytes: undefined };

export type HashAnswer = { id: number; sha1: string } | { id: number; error: { name: string; message: string } };
