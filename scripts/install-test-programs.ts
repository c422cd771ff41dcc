/**
 * The first step of `npm test`: sees that the programs of others that the tests start are there, and
 * installs Debian's packages of those that are missing where this process may.
 */

import { setUp } from './debian.ts';
import { installTestPrograms } from './test-programs.ts';

setUp('test', () => installTestPrograms());
