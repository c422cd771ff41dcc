/** Shared memory of an engine for tests of its parts. */
import { type EngineSettings, engineShape } from '../../src/engine.ts';
import { EngineMemory } from '../../src/segment/engine-memory.ts';
import { TEST_SETTINGS } from './engine.ts';

export function testMemory(settings: Partial<EngineSettings> = {}): EngineMemory {
  return EngineMemory.allocate(
    engineShape({ ...TEST_SETTINGS, segments: 16, tableCapacity: 8_192, ...settings }),
  );
}
