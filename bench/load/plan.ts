/** A request that a load generator sends. */
export interface PlannedRequest {
  method: string;
  path: string;
  headers: Record<string, string | number>;
  /** The expected status. */
  status: number;
  /** The bytes of the benchmark's file (body.ts) that are the request's body. By default, it has none. */
  body?: { offset: number; length: number };
}

/** What a load generator has to do: send these requests to this server, one at a time on each connection. */
export interface Plan {
  url: string;
  /** For https: the CA's certificate, a PEM file. */
  ca?: string;
  connections: number;
  requests: readonly PlannedRequest[];
  /** Return the bodies of the responses. By default, they are discarded. */
  keepAnswers?: boolean;
}

/** What a load generator has measured. */
export interface SendReport {
  /** From the first byte, with all connections open, to the last response. */
  seconds: number;
  /** When the last response was complete, on the clock of `process.hrtime`, in seconds. */
  endedAt: number;
  /** The generator's own CPU time. */
  cpuSeconds: number;
  peakRssBytes: number;
  /** Of bodies, like `receivedBytes`. */
  sentBytes: number;
  receivedBytes: number;
  /** The bodies of the responses in the order of the requests, if the plan keeps them. */
  answers: string[];
}

/** Renders the list of requests that the generator in C reads; native/requests.h describes it. */
export function renderRequests({ url, requests }: Plan): string {
  const { host } = new URL(url);
  return requests.map((request) => renderRequest(host, request)).join('');
}

function renderRequest(host: string, { method, path, headers, status, body }: PlannedRequest): string {
  const { offset, length } = body ?? { offset: 0, length: 0 };
  const all = { host, ...headers, ...(body !== undefined && { 'content-length': length }) };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  const head = `${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`;
  return `${status} ${offset} ${length} ${Buffer.byteLength(head)}\n${head}`;
}

/** Parses what the generator in C prints; native/loadgen.c describes it. */
export function parseReport(output: Buffer): SendReport {
  const line = output.indexOf('\n');
  const report = JSON.parse(output.toString('utf8', 0, line)) as Omit<SendReport, 'answers'>;
  const answers: string[] = [];
  for (let at = line + 1; at < output.length; ) {
    const start = output.indexOf('\n', at) + 1;
    const end = start + Number(output.toString('latin1', at, start - 1));
    answers.push(output.toString('utf8', start, end));
    at = end + 1;
  }
  return { ...report, answers };
}
