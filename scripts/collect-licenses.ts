import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

interface Manifest {
  name: string;
  version: string;
  license: string;
}

/**
 * The licenses of the packages that are bundled, as they require.
 * @param inputs Paths of the bundled files, relative to the current folder.
 * @throws If a package has no license in its manifest, or its text is neither in a file nor in the README.
 */
export function collectLicenses(inputs: readonly string[]): string {
  const folders = new Set<string>();
  for (const path of inputs) {
    const [folder] = /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path) ?? [];
    if (folder !== undefined) folders.add(folder);
  }
  const texts = [...folders].sort().map(readLicense);
  return `The scripts in this folder contain the packages below.\n\n${texts.join(`\n${'-'.repeat(80)}\n\n`)}`;
}

function readLicense(folder: string): string {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
  if (typeof license !== 'string') throw new Error(`${folder}/package.json names no license.`);
  const [file] = globSync('{licen[cs]e,LICEN[CS]E,Licen[cs]e,COPYING}*', { cwd: folder }).sort();
  const text = file === undefined ? readReadmeLicense(folder) : readFileSync(join(folder, file), 'utf8');
  return `${name} ${version} (${license})\n\n${text.trim()}\n`;
}

/** The section about the license in the README of a package that has no file with it. */
function readReadmeLicense(folder: string): string {
  const [readme] = globSync('{readme,README,Readme}*', { cwd: folder });
  const text = readme === undefined ? '' : readFileSync(join(folder, readme), 'utf8');
  const [, section] = /^#+ *licen[cs]e\b.*\n([\s\S]*?)(?=^#|(?![\s\S]))/im.exec(text) ?? [];
  if (section === undefined) throw new Error(`${folder} has no text of its license.`);
  return section;
}
