import {
  createClient,
  localStorageStateStore,
  type UploadEvent,
  type UploadProgress,
} from '../../../packages/client/src/browser/index.ts';

// The page that the tests open: one input for a file, and functions for them to call.

declare global {
  interface Window {
    begin(settings: Settings): void;
    told: Told;
    preflight(settings: Settings): Promise<string>;
    states(): Promise<number>;
    download(settings: Settings, fileId: string): Promise<string>;
  }
}

interface Settings {
  server: string;
  token: string;
  name: string;
  store?: 'localStorage';
  source?: 'file' | 'stream';
  sessionFrom?: number;
}

interface Told {
  events: UploadEvent[];
  progress?: UploadProgress;
  result?: { fileId: string; sha1: string; bytesResumed: number; bytesSent: number };
  error?: string;
  /** The longest time in which the page could do nothing, in milliseconds. */
  longestBlock: number;
}

function clientOf({ server, token, store }: Settings) {
  return createClient({ server, token, ...(store && { store: localStorageStateStore() }) });
}

window.told = { events: [], longestBlock: 0 };
let last = performance.now();
setInterval(() => {
  const now = performance.now();
  window.told.longestBlock = Math.max(window.told.longestBlock, now - last);
  last = now;
}, 5);

window.begin = (settings) => {
  const [file] = document.querySelector<HTMLInputElement>('#file')?.files ?? [];
  if (file === undefined) throw new Error('No file was chosen.');
  const source = settings.source === 'stream' ? () => file.stream() : file;
  clientOf(settings)
    .uploadFile(source, {
      name: settings.name,
      size: file.size,
      ...(settings.sessionFrom !== undefined && { sessionFrom: settings.sessionFrom }),
      onEvent: (event) => window.told.events.push(event),
      onProgress(progress) {
        window.told.progress = structuredClone(progress);
      },
    })
    .then(
      ({ file: made, sha1, bytesResumed, bytesSent }) => {
        window.told.result = { fileId: made.id, sha1, bytesResumed, bytesSent };
      },
      (error: unknown) => {
        window.told.error = String(error);
      },
    );
};

window.preflight = async (settings) => {
  const parent = { id: '0' };
  try {
    return (await clientOf(settings).uploads.preflightFileUploadCheck({ name: settings.name, parent })).upload_url;
  } catch (error) {
    return (error as { code: string }).code;
  }
};

window.states = async () =>
  (await clientOf({ server: location.origin, token: '', name: '' }).store?.list())?.length ?? -1;

window.download = async (settings, fileId) => {
  const { body } = await clientOf(settings).downloads.downloadFile(fileId);
  return new Response(body).text();
};
