/** What the OpenTelemetry libraries say of themselves, in our log: seldom, since they may say it of every batch. */
import { DiagLogLevel, diag } from '@opentelemetry/api';
import type { Clock } from '../clock/clock.ts';
import type { Logger } from './log.ts';

/** One line in so long; those between are counted. */
const LINE_EVERY_MS = 60_000;
const LINE_MAX_CHARS = 500;

/** Warnings and errors of the libraries go to the log from now on. */
export function logDiagnostics(log: Logger, clock: Clock): void {
  let quietUntilUs = Number.NEGATIVE_INFINITY;
  let suppressed = 0;
  const tell = (message: string): void => {
    const nowUs = clock.monotonicUs();
    if (nowUs < quietUntilUs) {
      suppressed += 1;
      return;
    }
    // What follows is a stack.
    const [line] = message.split('\n', 1);
    log.warn({ suppressed }, `OpenTelemetry: ${line.slice(0, LINE_MAX_CHARS)}`);
    quietUntilUs = nowUs + LINE_EVERY_MS * 1_000;
    suppressed = 0;
  };
  const ignore = (): void => undefined;
  diag.setLogger(
    { error: tell, warn: tell, info: ignore, debug: ignore, verbose: ignore },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
}
