/** The script of a worker, bundled and as one string: `scripts/bundle-client.ts` puts it there. */
declare module 'inline-worker:*' {
  const script: string;
  export default script;
}
