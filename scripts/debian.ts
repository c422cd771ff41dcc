/**
 * Programs of the system and Debian's packages of them: found on the PATH, installed where this
 * process may. What the set-up of the tests (install-test-programs) and that of the tools
 * (install-tools) have in common.
 */
import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

const ROOT_USER_ID = 0;

/** Ends a set-up with one line that says what to do. */
export class CannotInstall extends Error {}

/** Where a program lies on the PATH; undefined where it does not. */
export function programPath(name: string): string | undefined {
  const paths = (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, name));
  return paths.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Whether this process may install packages: it is root on a machine with apt. */
export function mayInstallPackages(userId: number | undefined = process.getuid?.()): boolean {
  return userId === ROOT_USER_ID && programPath('apt-get') !== undefined;
}

/** What a command prints; undefined where there is no such command or it fails. */
export function outputOf(command: string, args: readonly string[]): string | undefined {
  const { status, stdout } = spawnSync(command, args, { encoding: 'utf8' });
  return status === 0 ? stdout : undefined;
}

/** Runs a command before the user's eyes. @throws CannotInstall where it fails. */
export function run(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): void {
  console.log(`${command} ${args.join(' ')}`);
  const { status } = spawnSync(command, args, { stdio: 'inherit', env: { ...process.env, ...env } });
  if (status !== 0) throw new CannotInstall(`${command} ${args.join(' ')} failed`);
}

/**
 * The version of a package that apt would install, without its epoch; undefined where it has none.
 * Fetches the lists of packages first where they don't know it. For who may install packages.
 */
export function offeredVersion(name: string): string | undefined {
  const known = candidateVersion(name);
  if (known !== undefined) return known;
  run('apt-get', ['update']);
  return candidateVersion(name);
}

/** For who may install packages. @throws CannotInstall */
export function installPackages(names: readonly string[]): void {
  const args = ['install', '--yes', '--no-install-recommends', ...names];
  run('apt-get', args, { DEBIAN_FRONTEND: 'noninteractive' });
}

/** Runs a set-up; where it can't install something, the process will end with code 1 and one line. */
export function setUp(name: string, work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof CannotInstall)) throw error;
    console.error(`${name}: ${error.message}`);
    process.exitCode = 1;
  }
}

function candidateVersion(name: string): string | undefined {
  return outputOf('apt-cache', ['policy', name])?.match(/Candidate: (?:\d+:)?(\d\S*)/)?.[1];
}
