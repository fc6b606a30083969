/**
 * What can be uploaded in Node: a path or a file: URL, bytes, a Blob or File, or a stream, which needs `size`. A function
 * that opens a stream is better than a stream: it can be begun anew where something has changed.
 */
export type NodeSource =
  | string
  | URL
  | Uint8Array
  | Blob
  | AsyncIterable<Uint8Array>
  | (() => AsyncIterable<Uint8Array>);
