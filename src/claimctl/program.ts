/** The command line of claimctl: its commands and options, and how each way of ending is told. */
import { readFileSync } from 'node:fs';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { type BatchOptions, batch } from './batch.ts';
import { ClaimsClient } from './client.ts';
import { epoch, get, type Session, submit, validate } from './commands.ts';
import { CallFailed, ClaimctlError, EXIT_CODE_MEANINGS, ExitCode, Interrupted } from './exit-codes.ts';
import { addImportCommand } from './import/command.ts';
import { INPUT_FORMATS, STDIN } from './input.ts';
import { ALLOWED_TIMESTAMP, isInt64 } from './input-item.ts';
import type { Io } from './io.ts';
import { Output, printable } from './output.ts';
import { watch } from './watch.ts';

const ADDRESS_VARIABLE = 'CLAIMS_ADDRESS';
const ADDRESS_DEFAULT = '127.0.0.1:50051';
const DAY_MS = 86_400_000;
/** Items of one call that a server takes (DESIGN § 2). */
const BATCH_MAX_ITEMS = 8_192;
const RETRIES_MAX = 1_000;

/** Runs one command to its end. What is not the user's or the server's doing is thrown. */
export async function runClaimctl(argv: readonly string[], io: Io): Promise<ExitCode> {
  try {
    const run = { exitCode: ExitCode.DONE as ExitCode };
    await buildProgram(io, run).parseAsync([...argv], { from: 'user' });
    return run.exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return endedByCommander(error, io);
    if (!(error instanceof ClaimctlError)) throw error;
    const told = io.interrupted.aborted && error instanceof CallFailed ? new Interrupted() : error;
    complain(io, told.message);
    return told.exitCode;
  }
}

function endedByCommander(error: CommanderError, io: Io): ExitCode {
  if (error.exitCode === 0) return ExitCode.DONE;
  // Where no command is given, commander has printed the help already.
  if (error.code !== 'commander.help') complain(io, error.message.replace(/^error: /, ''));
  return ExitCode.USAGE;
}

/** One line on standard error, whatever the message holds. */
function complain(io: Io, message: string): void {
  io.stderr.write(`claimctl: ${printable(message.replace(/\s*\n\s*/g, ' '))}\n`);
}

/** The options of every command. */
interface GlobalOptions {
  readonly address: string;
  readonly deadline: number;
  readonly json?: true;
}

type Action<Options> = (session: Session, options: Options) => Promise<ExitCode>;

function buildProgram(io: Io, run: { exitCode: ExitCode }): Command {
  const program = new Command('claimctl')
    .description('Submits, validates, watches and imports claims of a claims.v1.ClaimService.')
    .version(`claimctl ${packageVersion()}`, '--version', 'print the version')
    .helpOption('--help', 'print this help')
    .helpCommand(false)
    .addOption(
      new Option('--address <host:port>', 'the server')
        .env(ADDRESS_VARIABLE)
        .default(ADDRESS_DEFAULT, ADDRESS_DEFAULT),
    )
    .option('--deadline <ms>', 'how long one call may take', integer(1, DAY_MS), 10_000)
    .option('--json', 'print one JSON object per line')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      outputError: () => undefined,
      getOutHelpWidth: () => 100,
      getErrHelpWidth: () => 100,
    })
    .configureHelp({ showGlobalOptions: true })
    .addHelpText('afterAll', exitCodesHelp());
  const within = async <Options>(command: Command, action: Action<Options>): Promise<void> => {
    const session = openSession(program, io);
    try {
      run.exitCode = await action(session, command.opts<object>() as Options);
    } finally {
      session.client.close();
    }
  };
  addClaimCommands(program, within);
  addEpochCommands(program, within);
  addBatchCommands(program, within);
  addImportCommand(program, io, integer(0, RETRIES_MAX), (exitCode) => {
    run.exitCode = exitCode;
  });
  return program;
}

type Within = <Options>(command: Command, action: Action<Options>) => Promise<void>;

/** @throws UsageError where the address can't be one. */
function openSession(program: Command, io: Io): Session {
  const { address, deadline, json } = program.opts<object>() as GlobalOptions;
  // Commander looks into process.env by itself; here the environment is what `io` says.
  const given = program.getOptionValueSource('address') === 'cli' ? address : io.env[ADDRESS_VARIABLE];
  const client = new ClaimsClient({
    address: given ?? ADDRESS_DEFAULT,
    deadlineMs: deadline,
    version: packageVersion(),
    clock: io.clock,
  });
  return { client, output: new Output(io.stdout, json === true), io };
}

function addClaimCommands(program: Command, within: Within): void {
  program
    .command('submit <claim> <player>')
    .description('register a claim for a player')
    .option('--timestamp <ms>', 'when it was made, milliseconds since 1970; server time without', timestamp)
    .action((claim: string, player: string, _options: object, command: Command) =>
      within<{ timestamp?: string }>(command, (session, { timestamp: at }) =>
        submit(session, {
          claim_id: claim,
          player_id: player,
          ...(at === undefined ? {} : { timestamp_ms: at }),
        }),
      ),
    );
  program
    .command('validate <claim> <player>')
    .description('validate a pending claim for the player who has it')
    .action((claim: string, player: string, _options: object, command: Command) =>
      within(command, (session) => validate(session, { claim_id: claim, player_id: player })),
    );
  program
    .command('get <claim>')
    .description('read a claim')
    .option('--player <player>', 'its player; needed where the registry is partitioned by player')
    .action((claim: string, _options: object, command: Command) =>
      within<{ player?: string }>(command, (session, { player }) => get(session, claim, player)),
    );
}

function addEpochCommands(program: Command, within: Within): void {
  const number = integer(0, Number.MAX_SAFE_INTEGER);
  program
    .command('epoch')
    .argument('[number]', 'the last complete epoch without', number)
    .description('print the summary of an epoch')
    .action((epochNumber: number | undefined, _options: object, command: Command) =>
      within(command, (session) => epoch(session, epochNumber)),
    );
  program
    .command('watch')
    .description('print a line per epoch as it completes')
    .option('--from <epoch>', 'the first to print; the next to complete without', number)
    .option(
      '--count <epochs>',
      'how many to print; until SIGINT without',
      integer(1, Number.MAX_SAFE_INTEGER),
    )
    .action((_options: object, command: Command) =>
      within<{ from?: number; count?: number }>(command, (session, options) => watch(session, options)),
    );
}

function addBatchCommands(program: Command, within: Within): void {
  const group = program.command('batch').description('submit or validate the claims of a file');
  for (const operation of ['submit', 'validate'] as const) {
    group
      .command(operation)
      .argument('[file]', `CSV or NDJSON; ${STDIN} is standard input`, STDIN)
      .description(`${operation} the claims of a file or of standard input`)
      .addOption(
        new Option('--format <format>', 'without: by the ending of the name, or the first byte').choices(
          INPUT_FORMATS,
        ),
      )
      .option('--batch-size <items>', 'items of one call', integer(1, BATCH_MAX_ITEMS), 1_000)
      .option('--in-flight <calls>', 'calls at once; 1 keeps the order of the file', integer(1, 64), 4)
      .option('--retries <times>', 'how often a call is sent again', integer(0, RETRIES_MAX), 10)
      .option('--rejects <file>', 'where to write the items that were not accepted, as NDJSON')
      .action((file: string, _options: object, command: Command) =>
        within<Omit<BatchOptions, 'file' | 'operation'>>(command, (session, options) =>
          batch(session, { ...options, file, operation }),
        ),
      );
  }
}

/** A parser of plain decimal digits for commander, which names the option and the value. */
function integer(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^(?:0|[1-9][0-9]*)$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw new InvalidArgumentError(`Allowed: an integer from ${min} to ${max}.`);
  };
}

function timestamp(text: string): string {
  if (isInt64(text)) return text;
  throw new InvalidArgumentError(`Allowed: ${ALLOWED_TIMESTAMP}.`);
}

function exitCodesHelp(): string {
  const lines = Object.entries(EXIT_CODE_MEANINGS).map(([code, meaning]) => `  ${code.padEnd(5)}${meaning}`);
  return ['', 'Exit codes:', ...lines].join('\n');
}

function packageVersion(): string {
  const path = new URL('../../package.json', import.meta.url);
  const { version }: { version: string } = JSON.parse(readFileSync(path, 'utf8'));
  return version;
}
