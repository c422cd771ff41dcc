/** The command line of `claimctl import`. What does the work is loaded only where it is asked for. */
import { readFileSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { SETTINGS } from '../../settings.ts';
import type { ExitCode } from '../exit-codes.ts';
import type { Io } from '../io.ts';
import { Output } from '../output.ts';
import { type GivenFlags, SOURCE_FLAGS, sourceOf, TARGET_KEYS, targetOf } from './options.ts';

/** Options of claimctl itself that import has a use for. */
interface Shared {
  readonly deadline: number;
  readonly json?: true;
}

interface OwnFlags {
  readonly state?: string;
  readonly rejects?: string;
  readonly dryRun?: true;
  readonly retries: number;
}

/**
 * Adds the command to the program.
 * @param retries parses a number of retries.
 * @param ended told the exit code.
 */
export function addImportCommand(
  program: Command,
  io: Io,
  retries: (text: string) => number,
  ended: (exitCode: ExitCode) => void,
): void {
  const command = program
    .command('import')
    .description(
      'copy the claims of a Redis hash, the predecessor’s or a registry’s, into a registry in Redis',
    );
  for (const [flag, [, description]] of Object.entries(SOURCE_FLAGS)) {
    command.addOption(new Option(`${flag} <value>`, description).makeOptionMandatory(flag === '--from'));
  }
  for (const key of TARGET_KEYS) {
    const { flag, description } = SETTINGS[key];
    command.option(`${flag} <value>`, `setting of claimd: ${description}`);
  }
  command
    .option('--state <file>', 'where it keeps how far it came, to go on from there when it is run again')
    .option('--dry-run', 'tell what would be imported, and write nothing')
    .option('--retries <times>', 'how often a call of Redis is tried again', retries, 10)
    .option('--rejects <file>', 'where to write the fields that can not be imported, as NDJSON');
  command.action(async () => {
    const { deadline: timeoutMs, json } = program.opts<object>() as Shared;
    const { state, rejects, dryRun, retries: times } = command.opts<object>() as OwnFlags;
    const readFile = (path: string): string => readFileSync(path, 'utf8');
    const source = sourceOf(given(command, Object.keys(SOURCE_FLAGS)), readFile);
    const targetFlags = TARGET_KEYS.map((key) => SETTINGS[key].flag);
    const target = targetOf(given(command, targetFlags), io.env, readFile);
    const { importClaims } = await import('./import.ts');
    ended(
      await importClaims(io, new Output(io.stdout, json === true), {
        ...target,
        ...{ source, timeoutMs, state, rejects, isDryRun: dryRun === true, retries: times },
      }),
    );
  });
}

/** Those of the flags that were given, as they were written. */
function given(command: Command, flags: readonly string[]): GivenFlags {
  const options = command.options.filter(
    ({ long }) => long !== undefined && long !== null && flags.includes(long),
  );
  const texts = options.map((option) => [option.long, command.getOptionValue(option.attributeName())]);
  return Object.fromEntries(
    texts.filter(([, text]) => text !== undefined).map(([flag, text]) => [flag, String(text)]),
  );
}
