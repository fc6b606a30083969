import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { cpus, release } from 'node:os';
import { join } from 'node:path';
import type { FastifyBaseLogger } from 'fastify';
import type { Config } from '../config/config.ts';
import type { Resources } from './open-resources.ts';
import { findHandoverProblem } from './test-handover.ts';

/** Where the data folder stores on which machine, and with which programs, handing over connections has worked. */
const RESULT_FILE = 'handover-test';

interface Handover {
  /** Whether connections are handed over to native threads. */
  readonly isOn: boolean;
  /** Tests it, unless it was tested before on this machine. If it does not work, logs why. Never rejects. */
  check(): Promise<void>;
}

/**
 * Decides whether connections are handed over to native threads: only if that has been tested with this version of Node.js,
 * this build of the module, and this machine. The test runs once, after the server has started to serve requests. Until
 * then, and if it fails, Node.js receives and sends all bytes.
 */
export function openHandover(
  { native: mode, tls }: Pick<Config, 'native' | 'tls'>,
  { native, dataFolder }: Pick<Resources, 'native' | 'dataFolder'>,
  log: FastifyBaseLogger,
): Handover {
  if (mode !== 'fd' || native === undefined || tls !== undefined) return { isOn: false, check: async () => {} };
  const resultFile = join(dataFolder, RESULT_FILE);
  const key = describeMachine(native.file);
  const handover = {
    isOn: readResult(resultFile) === key,
    async check() {
      if (handover.isOn) return;
      const problem = await findHandoverProblem(native, dataFolder);
      if (problem !== undefined) {
        log.warn({ problem }, 'Node.js receives and sends all bytes itself, which needs more CPU time');
        return;
      }
      handover.isOn = true;
      // If the result cannot be stored, the next start tests again.
      await writeFile(resultFile, key, { mode: 0o600 }).catch(() => {});
    },
  };
  return handover;
}

/** Identifies Node.js, the build of the module, the kernel and the processor. */
function describeMachine(moduleFile: string): string {
  const { size, mtimeMs } = statSync(moduleFile);
  const machine = [process.version, moduleFile, size, mtimeMs, release(), cpus()[0]?.model];
  return createHash('sha256').update(JSON.stringify(machine)).digest('hex');
}

function readResult(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
