/**
 * Becomes claimd inside the mount namespace of another process (support/small-disk): started with
 * that process's id. The process keeps its id, so that signals reach claimd itself, and it ends
 * with the process that started it.
 */
import { join } from 'node:path';
import { REPOSITORY } from './program.ts';
import { NAMESPACE_FLAGS } from './small-disk.ts';

const [holder] = process.argv.slice(2);
if (process.execve === undefined) throw new Error('process.execve is not to be had on this platform');
process.execve(
  '/usr/bin/env',
  [
    'env',
    'nsenter',
    `--target=${holder}`,
    ...NAMESPACE_FLAGS.enter,
    // A channel to the parent, as other programs have it, does not outlive execve.
    'setpriv',
    '--pdeathsig=KILL',
    process.execPath,
    join(REPOSITORY, 'src/main.ts'),
  ],
  process.env,
);
