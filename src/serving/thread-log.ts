/** The log of an ingress thread: its lines are written by the main one. */
import type { Clock } from '../clock/clock.ts';
import { LOG_LIMITS } from '../limits.ts';
import type { Logger } from '../telemetry/log.ts';
import { limiterOf } from '../telemetry/log-limiter.ts';
import type { RuntimeStats } from '../telemetry/runtime/runtime-stats.ts';
import type { FromThread } from './protocol.ts';

const LEVELS = ['debug', 'info', 'warn', 'error', 'fatal'] as const satisfies (keyof Logger)[];
type LogMessage = FromThread & { readonly kind: 'log' };
type LogLine = (fields: unknown, text?: string) => void;

/**
 * A log whose lines are sent on, none more often than the main thread would write it. Fields that
 * are neither plain values nor errors are told as text.
 */
export function remoteLog(send: (message: LogMessage) => void, clock: Clock, stats: RuntimeStats): Logger {
  const line =
    (level: keyof Logger): LogLine =>
    (fields, text) => {
      if (text === undefined) send({ kind: 'log', level, fields: {}, text: String(fields) });
      else send({ kind: 'log', level, fields: plain(fields), text });
    };
  const all = Object.fromEntries(LEVELS.map((level) => [level, line(level)])) as Record<
    keyof Logger,
    LogLine
  >;
  const leftOut = (): void => stats.recordLogLineLeftOut();
  const limiter = limiterOf(all.warn, { limits: LOG_LIMITS, clock, leftOut });
  const limited =
    (level: keyof Logger): LogLine =>
    (fields, text) => {
      if (limiter.admits(String(text ?? fields))) all[level](fields, text);
    };
  return { ...all, info: limited('info'), warn: limited('warn'), error: limited('error') };
}

/** Writes a line that a thread has sent. */
export function writeLine(log: Logger, { level, fields, text }: LogMessage): void {
  log[level](fields, text);
}

function plain(fields: unknown): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields as object).map(([name, value]) => [name, isPlain(value) ? value : String(value)]),
  );
}

function isPlain(value: unknown): boolean {
  if (value === null || value instanceof Error) return true;
  return ['string', 'number', 'boolean', 'undefined'].includes(typeof value);
}
