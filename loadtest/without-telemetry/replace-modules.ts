/** For esbuild: claimd with some of its modules replaced by those of this folder. */
import { join } from 'node:path';
import type { Plugin } from 'esbuild';
import { REPOSITORY } from '../../test/support/program.ts';

/** By module of src, what takes its place. */
const REPLACED: Readonly<Record<string, string>> = {
  'wire/call-timer.ts': 'call-timer.ts',
  'telemetry/runtime/loop-runtime.ts': 'loop-runtime.ts',
  'telemetry/runtime/sleeper-runtime.ts': 'sleeper-runtime.ts',
};
const HERE = 'loadtest/without-telemetry';
const SOURCES = join(REPOSITORY, 'src/');

export class WithoutTelemetry {
  readonly #met = new Set<string>();

  readonly plugin: Plugin = {
    name: 'without-telemetry',
    setup: (build) => {
      build.onResolve({ filter: /\.ts$/ }, ({ path, resolveDir }) => this.#resolve(join(resolveDir, path)));
    },
  };

  /** @throws Error where a module was not met: then it is another program that was built. */
  requireAllMet(): void {
    const missing = Object.keys(REPLACED).filter((module) => !this.#met.has(module));
    if (missing.length > 0) throw new Error(`nothing imports src/${missing.join(', src/')}`);
  }

  #resolve(file: string): { path: string } | undefined {
    if (!file.startsWith(SOURCES)) return undefined;
    const module = file.slice(SOURCES.length);
    const replacement = REPLACED[module];
    if (replacement === undefined) return undefined;
    this.#met.add(module);
    return { path: join(REPOSITORY, HERE, replacement) };
  }
}
