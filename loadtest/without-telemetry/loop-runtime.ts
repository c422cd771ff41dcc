/** Takes the place of telemetry/runtime/loop-runtime where claimd is measured without telemetry: the thread is not watched. */
import type { LoopRuntime as Runtime } from '../../src/telemetry/runtime/loop-runtime.ts';

type LoopRuntimeMethods = { [Name in keyof Runtime]: Runtime[Name] };

export class LoopRuntime implements LoopRuntimeMethods {
  start(): void {
    // Not watched.
  }
  stop(): void {
    // Not watched.
  }
}
