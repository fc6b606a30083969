import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where the module is looked for. */
interface Place {
  platform: string;
  arch: string;
  libc: () => 'glibc' | 'musl';
  /** With the sources of this package, or with the bundled scripts of the published package. */
  folder: string;
}

/**
 * Finds the binary of the module: in a checkout the one that `npm ci` has built; in the published package the one for
 * this processor and C library, which is beside the scripts (scripts/build-native.ts).
 */
export function findModule({
  platform = process.platform,
  arch = process.arch,
  libc = detectLibc,
  folder = dirname(fileURLToPath(import.meta.url)),
}: Partial<Place> = {}): string | { reason: string } {
  if (platform !== 'linux' || !['x64', 'arm64'].includes(arch)) {
    return { reason: `it supports Linux on x64 and arm64, and this is ${platform} on ${arch}` };
  }
  const built = join(folder, '../build/partway.node');
  if (existsSync(built)) return built;
  const prebuilt = join(folder, `prebuilt/${platform}-${arch}-${libc()}.node`);
  if (existsSync(prebuilt)) return prebuilt;
  return { reason: 'it was not built: in a checkout, npm ci builds it if there is a C compiler' };
}

/** Detects the C library of this process. Takes a few milliseconds, and seconds if the report described the network. */
function detectLibc(): 'glibc' | 'musl' {
  // @types/node lacks this property.
  const report = process.report as NodeJS.ProcessReport & { excludeNetwork: boolean };
  const { excludeNetwork } = report;
  report.excludeNetwork = true;
  const { header } = report.getReport() as { header: { glibcVersionRuntime?: string } };
  report.excludeNetwork = excludeNetwork;
  return header.glibcVersionRuntime === undefined ? 'musl' : 'glibc';
}
