import { EXIT, Failure } from '../../exit-codes.ts';
import { shownText } from '../../output/text.ts';

/** What Windows keeps for devices, whatever is behind a dot. */
const DEVICES = /^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\.|$)/i;
/** What unfinished downloads are called. */
const UNFINISHED = /^\.partway-.*\.part$/i;

/**
 * A name that a server gave, as one of a file or folder here. It is the server's word, and must lead nowhere else: neither out
 * of the folder it is meant for, nor to a device, nor into what another download has begun.
 */
export function localName(name: string, platform: NodeJS.Platform = process.platform): string {
  const nowhere = name === '' || name === '.' || name === '..' || /[/\0]/.test(name);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: Windows takes none of them in a name.
  const notOnWindows = /[<>:"\\|?*\u0001-\u001f]|[. ]$/.test(name) || DEVICES.test(name);
  if (nowhere || UNFINISHED.test(name) || (platform === 'win32' && notOnWindows)) {
    throw new Failure(
      EXIT.failed,
      `${shownText(name) || 'A name of no characters'} cannot be a name here. Fetch the file by itself, and name it with --to.`,
    );
  }
  return name;
}
