/**
 * What `npm run build` puts into dist: a program or thread for each entry, and the files that they
 * read at run time. A thread's module, or a file that one asks for by its place (import.meta.url,
 * __dirname), has to be listed here; the build fails where it is not (run-time-paths.ts).
 */

/** A file that is started by itself: a program, or the module of a thread. */
export interface Entry {
  /** From the repository's root. */
  readonly source: string;
  /** From dist. */
  readonly output: string;
}

/** Files of libraries keep their places to each other below this folder of dist. */
export const LIBRARIES = 'libraries';

function ours(path: string): Entry {
  return { source: `src/${path}.ts`, output: `${path}.js` };
}

function library(path: string): Entry {
  return { source: `node_modules/${path}`, output: `${LIBRARIES}/${path}` };
}

export const ENTRIES: readonly Entry[] = [
  ours('main'),
  ours('claimctl/main'),
  ours('pool/segment-worker'),
  ours('serving/ingress-thread'),
  ours('store/sqlite/thread'),
  library('piscina/dist/worker.js'),
];

/** Folders that are copied as they are. */
export const FOLDERS: readonly Entry[] = [
  { source: 'src/store/redis/scripts', output: 'store/redis/scripts' },
  library('@grpc/reflection/build/proto/grpc'),
  library('grpc-health-check/proto'),
];

/** Modules of libraries that read files beside them, which are among the above. */
export const LIBRARY_READERS: readonly string[] = [
  '@grpc/reflection/build/src/implementations/reflection-v1.js',
  '@grpc/reflection/build/src/implementations/reflection-v1alpha.js',
  'grpc-health-check/build/src/health.js',
  'piscina/dist/index.js',
];

/** Modules of libraries that speak of their place where this program never comes. */
export const LIBRARY_READERS_UNUSED: readonly string[] = [
  // Services that claimd does not serve.
  '@grpc/grpc-js/build/src/channelz.js',
  '@grpc/grpc-js/build/src/orca.js',
  // Exports by OTLP over gRPC, which asks for grpc-js when it does: traces go over HTTP.
  '@opentelemetry/otlp-grpc-exporter-base/dist/_virtual/_rolldown/runtime.mjs',
  // Leaves its own lines out of a stack trace, where that is asked for.
  'ioredis/built/Command.js',
  // Sub-commands that are programs of their own.
  'commander/lib/command.js',
  // A log written by a thread of its own.
  'pino/lib/transport.js',
  'thread-stream/index.js',
];

/** Packages that stay out: of use only to options that this program does not use, and optional there. */
export const EXTERNAL: readonly string[] = [
  // Piscina's, for threads of another priority.
  '@napi-rs/nice',
];
