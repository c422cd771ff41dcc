/** Asks V8 for a garbage collection, without a flag of the process. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect: (options: { readonly type: 'major' | 'minor' }) => void = runInNewContext('gc');

export function collectGarbage(type: 'major' | 'minor'): void {
  collect({ type });
}
