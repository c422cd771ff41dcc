/** A page of docs/ as tests compare it: as it is read, without the blanks that align its tables. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { REPOSITORY } from './program.ts';

export function docsPage(name: string): string {
  return readFileSync(join(REPOSITORY, 'docs', name), 'utf8').replace(/ {2,}/g, ' ');
}
