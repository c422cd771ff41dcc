/**
 * The predecessor's interpreter, Lua 5.4 with its collector's defaults, in the process that serves
 * the calls: as there, what it does at an epoch boundary no call gets past. It is Lua compiled to
 * WebAssembly (wasmoon), so that `npm ci` brings it; native Lua takes half its time for the walk.
 */
import { readFileSync } from 'node:fs';
import { type LuaEngine, LuaFactory } from 'wasmoon';

/** A claim as it has become. */
export interface ClaimFact {
  readonly letter: 'P' | 'V' | 'E';
  readonly claimId: string;
  readonly playerId: string;
  readonly timestampMs: number;
  /** Expiry epoch of a pending or expired claim, else the epoch in which it was validated. */
  readonly endEpoch: number;
}

/** Of one walk over all claims. */
export interface EpochCounts {
  readonly pending: number;
  readonly expired: number;
  /** Past retention. */
  readonly removed: number;
}

export interface InterpreterUsage {
  /** Claims that have a table. */
  readonly tables: number;
  readonly heapBytes: number;
}

export class ClaimInterpreter {
  readonly #lua: LuaEngine;
  #facts: string[] = [];

  private constructor(lua: LuaEngine) {
    this.#lua = lua;
  }

  static async start(): Promise<ClaimInterpreter> {
    const lua = await new LuaFactory().createEngine();
    lua.doStringSync(readFileSync(new URL('registry.lua', import.meta.url), 'utf8'));
    return new ClaimInterpreter(lua);
  }

  /**
   * Takes a fact. Those of one turn of the event loop go over together: a crossing from JavaScript
   * into Lua takes ten times as long as the claim itself, and the predecessor had none.
   */
  learn({ letter, claimId, playerId, timestampMs, endEpoch }: ClaimFact): void {
    if (this.#facts.length === 0) setImmediate(() => this.#flush());
    this.#facts.push(`${letter}\t${claimId}\t${playerId}\t${timestampMs}\t${endEpoch}\n`);
  }

  /** Resumes the coroutine for one walk over all claims. */
  advance(epoch: number, retentionEpochs: number): EpochCounts {
    this.#flush();
    const [pending, expired, removed] = this.#call('advance', epoch, retentionEpochs);
    return { pending, expired, removed };
  }

  /** With the garbage that has not been collected yet. */
  usage(): InterpreterUsage {
    return usageOf(this.#call('usage'));
  }

  /** After a full collection. */
  collectedUsage(): InterpreterUsage {
    return usageOf(this.#call('collected_usage'));
  }

  #flush(): void {
    if (this.#facts.length === 0) return;
    const facts = this.#facts.join('');
    this.#facts = [];
    this.#call('learn', facts);
  }

  /** Calls a global function and takes its results off Lua's stack, where wasmoon leaves them. */
  #call(name: string, ...args: (string | number)[]): number[] {
    const results: number[] = this.#lua.global.call(name, ...args);
    this.#lua.global.pop(results.length);
    return results;
  }
}

function usageOf([tables, heapBytes]: number[]): InterpreterUsage {
  return { tables, heapBytes };
}
