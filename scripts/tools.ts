/** The tools of others that load tests and tool tests run, and where they are installed. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A program that `go install` builds, at a pinned version. */
export interface Tool {
  /** Of its binary in .tools/bin. */
  readonly name: string;
  readonly package: string;
  /** A tag, or Go's pseudo-version of a commit where the module has no tags. */
  readonly version: string;
  readonly licence: string;
}

export interface ToolPins {
  /** The oldest Go that builds them all; where one needs a later Go, that Go fetches it. */
  readonly goMinimum: string;
  readonly tools: readonly Tool[];
}

const REPOSITORY = fileURLToPath(new URL('..', import.meta.url));
/** Not in git. */
export const TOOLS_FOLDER = join(REPOSITORY, '.tools');

export function readPins(): ToolPins {
  return JSON.parse(readFileSync(new URL('./tools.json', import.meta.url), 'utf8'));
}

/** Where a tool's binary is, or would be. */
export function binaryPath(name: string): string {
  return join(TOOLS_FOLDER, 'bin', name);
}

/** What `go install` calls the binary of a package: the last element of its path. */
export function builtName(tool: Tool): string {
  return tool.package.slice(tool.package.lastIndexOf('/') + 1);
}

export function isInstalled(name: string): boolean {
  return existsSync(binaryPath(name));
}

/** The path of an installed tool. @throws Error that says how to install it. */
export function toolPath(name: string): string {
  if (!isInstalled(name)) throw new Error(`${name} is not installed: run "npm run tools" first`);
  return binaryPath(name);
}

/** Whether a version such as "1.24.4" or "1.25rc1" is at least the other. */
export function isAtLeast(version: string, minimum: string): boolean {
  const [own, least] = [version, minimum].map((text) => (text.match(/\d+/g) ?? []).slice(0, 2).map(Number));
  return own[0] > least[0] || (own[0] === least[0] && own[1] >= least[1]);
}
