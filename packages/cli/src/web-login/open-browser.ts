import { spawn } from 'node:child_process';

/**
 * Tries to open an address in the user's browser: with `BROWSER`, or with the system's program for that. Returns whether
 * there may be one. A failure does not matter, because the address is printed as well.
 */
export function openBrowser(
  url: string,
  { env = process.env, platform = process.platform }: { env?: NodeJS.ProcessEnv; platform?: NodeJS.Platform } = {},
): boolean {
  const command = findCommand(env, platform);
  if (command === undefined) return false;
  const [program = '', ...args] = command;
  // Without a shell, so that no character of the address has a special meaning.
  const child = spawn(program, [...args, url], { stdio: 'ignore', detached: true });
  child.on('error', () => {});
  child.unref();
  return true;
}

function findCommand(env: NodeJS.ProcessEnv, platform: NodeJS.Platform): string[] | undefined {
  // A list of programs, of which the first is preferred. Some contain the place of the address, which is the end here.
  const [preferred = ''] = (env.BROWSER ?? '').split(':');
  const words = preferred.split(' ').filter((word) => word !== '' && word !== '%s');
  if (words.length > 0) return words;
  if (platform === 'darwin') return ['open'];
  // `start` is a command of the shell, in which the address would have to be quoted.
  if (platform === 'win32') return ['rundll32', 'url.dll,FileProtocolHandler'];
  // Without a display, xdg-open may start a browser in this terminal.
  return env.DISPLAY || env.WAYLAND_DISPLAY ? ['xdg-open'] : undefined;
}
