/** Takes the place of wire/call-timer where claimd is measured without telemetry: nothing is timed, counted or told. */
import type { CallTimer as Timer } from '../../src/wire/call-timer.ts';

type CallTimerMethods = { [Name in keyof Timer]: Timer[Name] };

export class CallTimer implements CallTimerMethods {
  nowUs(): number {
    return 0;
  }
  dispatched(): void {
    // Not timed.
  }
  allDispatched(): void {
    // Not timed.
  }
  shed(): void {
    // Not counted.
  }
  malformed(): void {
    // Not counted.
  }
  answered(): void {
    // Neither timed nor counted.
  }
  countItems(): boolean {
    return false;
  }
  ended(): void {
    // Neither timed nor counted.
  }
  streamEnded(): void {
    // Neither timed nor counted.
  }
  frameAnswered(): void {
    // Neither timed nor counted.
  }
}
