/**
 * `npm run tools`: installs the pinned tools of scripts/tools.json into .tools/bin by
 * `go install`. Does nothing where they are there at those versions. Needs Go; where it is missing
 * on a Debian that this process may change and that has a Go new enough, installs that first.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { binaryPath, isAtLeast, readPins, TOOLS_FOLDER, type Tool, type ToolPins } from './tools.ts';

/** Says which versions are installed. */
const STAMP = join(TOOLS_FOLDER, 'versions.json');
const ROOT_USER_ID = 0;

/** Ends the installer with one line that says what to do. */
class CannotInstall extends Error {}

function stampOf(tools: readonly Tool[]): string {
  return JSON.stringify(Object.fromEntries(tools.map((tool) => [tool.name, tool.version])));
}

function areInstalled(tools: readonly Tool[]): boolean {
  const binaries = tools.every((tool) => existsSync(binaryPath(tool.name)));
  return binaries && existsSync(STAMP) && readFileSync(STAMP, 'utf8') === stampOf(tools);
}

/** What a command prints; undefined where there is no such command or it fails. */
function outputOf(command: string, args: readonly string[]): string | undefined {
  const { status, stdout } = spawnSync(command, args, { encoding: 'utf8' });
  return status === 0 ? stdout : undefined;
}

/** Such as "1.26.8"; undefined without Go. */
function goVersion(): string | undefined {
  return outputOf('go', ['version'])?.match(/go(\d+\.\S+)/)?.[1];
}

/** The version of Go that apt would install; undefined without apt. */
function debianGoVersion(): string | undefined {
  return outputOf('apt-cache', ['policy', 'golang-go'])?.match(/Candidate: (?:\d+:)?(\d+\.\d+)/)?.[1];
}

/** @throws CannotInstall where there is no Go new enough and none can be had. */
function requireGo({ goMinimum }: ToolPins): void {
  const version = goVersion() ?? installDebianGo(goMinimum);
  if (isAtLeast(version, goMinimum)) return;
  throw new CannotInstall(`Go ${version} is too old: install Go ${goMinimum} or later (https://go.dev/dl)`);
}

/** Installs Debian's Go and gives its version. @throws CannotInstall */
function installDebianGo(goMinimum: string): string {
  const wanted = `install Go ${goMinimum} or later (https://go.dev/dl)`;
  if (process.getuid?.() !== ROOT_USER_ID) throw new CannotInstall(`Go is missing: ${wanted}`);
  const offered = debianGoVersion();
  if (offered === undefined) throw new CannotInstall(`Go is missing: ${wanted}`);
  if (!isAtLeast(offered, goMinimum)) {
    throw new CannotInstall(`Go is missing and Debian's ${offered} is too old: ${wanted}`);
  }
  run('apt-get', ['install', '--yes', '--no-install-recommends', 'golang-go'], {});
  return goVersion() ?? offered;
}

/** Runs a command before the user's eyes. @throws CannotInstall where it fails. */
function run(command: string, args: readonly string[], env: Readonly<Record<string, string>>): void {
  console.log(`${command} ${args.join(' ')}`);
  const { status } = spawnSync(command, args, { stdio: 'inherit', env: { ...process.env, ...env } });
  if (status !== 0) throw new CannotInstall(`${command} ${args.join(' ')} failed`);
}

function install(pins: ToolPins): void {
  requireGo(pins);
  const bin = join(TOOLS_FOLDER, 'bin');
  mkdirSync(bin, { recursive: true });
  for (const tool of pins.tools) {
    run('go', ['install', `${tool.package}@${tool.version}`], { GOBIN: bin });
  }
  writeFileSync(STAMP, stampOf(pins.tools));
}

function main(): void {
  const pins = readPins();
  const versions = pins.tools.map((tool) => `${tool.name} ${tool.version}`).join(', ');
  if (areInstalled(pins.tools)) {
    console.log(`the tools are there: ${versions}`);
    return;
  }
  try {
    install(pins);
    console.log(`installed ${versions}`);
  } catch (error) {
    if (!(error instanceof CannotInstall)) throw error;
    console.error(`tools: ${error.message}`);
    process.exitCode = 1;
  }
}

main();
