/** Takes the place of telemetry/runtime/sleeper-runtime where claimd is measured without telemetry: the thread is not watched. */
import type { SleeperRuntime as Runtime } from '../../src/telemetry/runtime/sleeper-runtime.ts';

type SleeperRuntimeMethods = { [Name in keyof Runtime]: Runtime[Name] };

export class SleeperRuntime implements SleeperRuntimeMethods {
  look(): void {
    // Not watched.
  }
}
