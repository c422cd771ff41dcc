/** The programs of others that `npm test` starts, and the Debian packages that bring them. */
import { CannotInstall, installPackages, mayInstallPackages, offeredVersion, programPath } from './debian.ts';

export interface TestProgram {
  readonly name: string;
  /** Debian's package of it. */
  readonly package: string;
}

/**
 * Real servers for the tests of the Redis store (redis-server is Sentinel as well), and Prometheus for
 * those of what it is told. Debian starts either as a service, on ports 6379 and 9090, which no test touches.
 */
export const TEST_PROGRAMS: readonly TestProgram[] = [
  { name: 'redis-server', package: 'redis-server' },
  { name: 'openssl', package: 'openssl' },
  { name: 'prometheus', package: 'prometheus' },
  { name: 'promtool', package: 'prometheus' },
];

/** The path of a program. @throws Error that says how to get it: a test without it fails */
export function testProgramPath(name: string): string {
  const path = programPath(name);
  if (path !== undefined) return path;
  throw new Error(`${name} is not on the PATH: npm test says how to install it`);
}

/**
 * Installs what is missing.
 * @throws CannotInstall naming all that is missing, where this process may not or apt has it not
 */
export function installTestPrograms(programs = TEST_PROGRAMS, userId = process.getuid?.()): void {
  const missing = programs.filter(({ name }) => programPath(name) === undefined);
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map((program) => program.package))];
  const names = missing.map(({ name }) => name).join(' and ');
  const wanted = `${names} missing: install Debian's ${packages.join(' ')} (apt-get install ${packages.join(' ')})`;
  if (!mayInstallPackages(userId)) throw new CannotInstall(wanted);
  if (packages.some((name) => offeredVersion(name) === undefined)) throw new CannotInstall(wanted);
  installPackages(packages);
}
