/**
 * The program's log: one line per event that a person can act on, on standard output. JSON for
 * machines; on a terminal, or where it is asked for, in columns and colours for people.
 *
 * Lines are written synchronously: one that was logged before a crash is there after it. An event
 * that repeats is written a few times, then counted (log-limiter).
 */
import { type DestinationStream, type Logger as PinoLogger, pino, stdTimeFunctions } from 'pino';
import { LEFT_OUT, type LimiterOptions, limiterOf } from './log-limiter.ts';

export type Logger = Pick<PinoLogger, 'debug' | 'info' | 'warn' | 'error' | 'fatal'>;

export type LogFormat = 'auto' | 'json' | 'pretty';

/** As pino numbers its levels. Who asks for those below `info` wants to see all of them. */
const LEVEL_INFO = 30;
const LEVEL_FATAL = 60;
const STDOUT = 1;

export interface LogOptions extends LimiterOptions {
  /** The least severe level that is written. */
  readonly level: string;
  /** Where lines go; see logStream. */
  readonly stream: DestinationStream;
}

export interface Log {
  readonly logger: Logger;
  /** Tells what was left out, before the end. */
  flush(): void;
}

export function createLog(options: LogOptions): Log {
  const limiter = limiterOf((fields, text) => logger.warn(fields, text), options);
  const logger: Logger = pino(
    {
      level: options.level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (name) => ({ level: name }) },
      hooks: {
        logMethod(args, write, number) {
          const [fields, text] = args as unknown as readonly unknown[];
          const isLimited = number >= LEVEL_INFO && number < LEVEL_FATAL && text !== LEFT_OUT;
          if (!isLimited || limiter.admits(String(text ?? fields))) write.apply(this, args);
        },
      },
    },
    options.stream,
  );
  return { logger, flush: () => limiter.flush() };
}

/** Standard output in the format. @param isTerminal whether that is one. */
export async function logStream(format: LogFormat, isTerminal: boolean): Promise<DestinationStream> {
  const pretty = format === 'pretty' || (format === 'auto' && isTerminal);
  if (!pretty) return pino.destination({ fd: STDOUT, sync: true });
  // Loaded only here: nobody else has a use for it.
  const { default: prettyStream } = await import('pino-pretty');
  const translateTime = 'SYS:HH:MM:ss.l';
  return prettyStream({ destination: STDOUT, sync: true, colorize: isTerminal, translateTime });
}
