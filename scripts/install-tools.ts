/**
 * `npm run tools`: installs the pinned tools of scripts/tools.json into .tools/bin by
 * `go install`. Does nothing where they are there at those versions. Needs Go; where it is missing
 * on a Debian that this process may change and that has a Go new enough, installs that first.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  CannotInstall,
  installPackages,
  mayInstallPackages,
  offeredVersion,
  outputOf,
  run,
  setUp,
} from './debian.ts';
import {
  binaryPath,
  builtName,
  isAtLeast,
  readPins,
  TOOLS_FOLDER,
  type Tool,
  type ToolPins,
} from './tools.ts';

/** Says which versions are installed. */
const STAMP = join(TOOLS_FOLDER, 'versions.json');

function stampOf(tools: readonly Tool[]): string {
  return JSON.stringify(Object.fromEntries(tools.map((tool) => [tool.name, tool.version])));
}

function areInstalled(tools: readonly Tool[]): boolean {
  const binaries = tools.every((tool) => existsSync(binaryPath(tool.name)));
  return binaries && existsSync(STAMP) && readFileSync(STAMP, 'utf8') === stampOf(tools);
}

/** Such as "1.26.8"; undefined without Go. */
function goVersion(): string | undefined {
  return outputOf('go', ['version'])?.match(/go(\d+\.\S+)/)?.[1];
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
  if (!mayInstallPackages()) throw new CannotInstall(`Go is missing: ${wanted}`);
  const offered = offeredVersion('golang-go');
  if (offered === undefined) throw new CannotInstall(`Go is missing: ${wanted}`);
  if (!isAtLeast(offered, goMinimum)) {
    throw new CannotInstall(`Go is missing and Debian's ${offered} is too old: ${wanted}`);
  }
  installPackages(['golang-go']);
  return goVersion() ?? offered;
}

function install(pins: ToolPins): void {
  requireGo(pins);
  const bin = join(TOOLS_FOLDER, 'bin');
  mkdirSync(bin, { recursive: true });
  for (const tool of pins.tools) {
    // Distributions may have Go fetch no later toolchain, which is what a tool's go.mod can ask for.
    run('go', ['install', `${tool.package}@${tool.version}`], { GOBIN: bin, GOTOOLCHAIN: 'auto' });
    if (builtName(tool) !== tool.name) renameSync(binaryPath(builtName(tool)), binaryPath(tool.name));
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
  install(pins);
  console.log(`installed ${versions}`);
}

setUp('tools', main);
