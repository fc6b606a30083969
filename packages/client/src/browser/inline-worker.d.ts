/** The bundled script of a worker as a string, which `scripts/bundle-client.ts` inserts. */
declare module 'inline-worker:*' {
  const script: string;
  export default script;
}
