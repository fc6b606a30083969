import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { until } from '../support/until.ts';
import { COMPILED, PARTWAY } from './run.ts';

/** Why a test cannot run, or false if it can. */
export const noTmux = spawnSync('tmux', ['-V']).error === undefined ? false : 'tmux is not installed';

/** A command in a terminal that renders its output, as a person would see it. */
export interface Pane extends AsyncDisposable {
  /** The lines on the screen. Lines that the terminal has wrapped are joined. */
  lines(): Promise<string[]>;
  /** Resolves with the lines of the first screen that fulfills the condition. */
  shows(condition: (lines: string[]) => boolean): Promise<string[]>;
  /** Resolves with the last screen and the exit code. */
  ended(): Promise<{ lines: string[]; code: number }>;
}

interface PaneOptions {
  columns: number;
  env: Record<string, string>;
  cwd: string;
}

/** Starts `partway` in a tmux server of its own. */
export async function openPane(args: readonly string[], { columns, env, cwd }: PaneOptions): Promise<Pane> {
  const folder = await mkdtemp(join(tmpdir(), 'partway-tmux-'));
  const tmux = async (...tmuxArgs: string[]) => {
    const common = ['-u', '-f', '/dev/null', '-S', join(folder, 'socket')];
    return (await promisify(execFile)('tmux', [...common, ...tmuxArgs], { cwd })).stdout;
  };
  const settings = { PATH: process.env.PATH ?? '', TERM: 'screen-256color', NODE_COMPILE_CACHE: COMPILED, ...env };
  const words = [...Object.entries(settings).map(([name, value]) => `${name}=${value}`), process.execPath, PARTWAY];
  const command = ['env', '-i', ...words, ...args].map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
  // The pane stays open after the command, so that its last screen can be read.
  await tmux('new-session', '-d', '-x', String(columns), '-y', '40', `${command}; echo "exit code $?"; read end`);
  const lines = async () => (await tmux('capture-pane', '-p', '-J')).trimEnd().split('\n');

  async function shows(condition: (lines: string[]) => boolean): Promise<string[]> {
    let shown: string[] = [];
    await until(async () => {
      shown = await lines();
      return condition(shown);
    }).catch((error: unknown) => {
      throw new Error(`The screen still shows:\n${shown.join('\n')}`, { cause: error });
    });
    return shown;
  }

  return {
    lines,
    shows,
    async ended() {
      const shown = await shows((current) => /^exit code \d+$/.test(current.at(-1) ?? ''));
      return { lines: shown.slice(0, -1), code: Number(shown.at(-1)?.slice('exit code '.length)) };
    },
    async [Symbol.asyncDispose]() {
      await tmux('kill-server').catch(() => {});
      await rm(folder, { recursive: true, force: true });
    },
  };
}
