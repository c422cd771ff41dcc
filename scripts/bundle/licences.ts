/** The licences of the packages whose code is in the bundle, to be shipped with it. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What may be shipped within an Apache-2.0 program without further duties than these texts. */
const ALLOWED = ['MIT', 'Apache-2.0', 'ISC', 'BSD-2-Clause', 'BSD-3-Clause', '0BSD'];
const LICENCE_FILE = /^(?:licen[cs]e|notice|copying)(?:[.-].*)?$/i;
const RULE = '-'.repeat(80);

/** The folder of the package that a module of node_modules is of, or undefined for one of ours. */
export function packageFolder(path: string): string | undefined {
  return /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0];
}

/**
 * One text with name, version, licence and licence files of each package.
 * @param folders of the packages, from `repository`; each may be there more than once.
 * @throws Error where a package's licence is not among the allowed.
 */
export async function licenceTexts(repository: string, folders: readonly string[]): Promise<string> {
  const sections = [...new Set(folders)].toSorted().map((folder) => licenceText(join(repository, folder)));
  return `Packages that are part of these programs.\n\n${(await Promise.all(sections)).join('\n')}`;
}

async function licenceText(folder: string): Promise<string> {
  const manifest: unknown = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
  const { name, version, license } = manifest as { name: string; version: string; license?: string };
  if (license === undefined || !ALLOWED.includes(license)) {
    throw new Error(`${name} ${version}: its licence is ${license}; allowed: ${ALLOWED.join(', ')}`);
  }
  const names = (await readdir(folder)).filter((file) => LICENCE_FILE.test(file)).toSorted();
  const texts = await Promise.all(names.map((file) => readFile(join(folder, file), 'utf8')));
  const heading = `${RULE}\n${name} ${version}: ${license}\n${RULE}\n`;
  return [heading, ...texts.map((text) => `${text.trimEnd()}\n`)].join('\n');
}
