/** Complete epochs as an ingress thread tells them: what it is asked for, it asks the main thread. */
import { EpochReader, type EpochSummary } from '../coordinator/epoch-reader.ts';
import type { EpochRules } from '../domain/epochs.ts';

export class RemoteEpochs extends EpochReader {
  readonly #ask: (from: number, to: number) => Promise<EpochSummary[]>;

  constructor(rules: EpochRules, ask: (from: number, to: number) => Promise<EpochSummary[]>) {
    super(rules);
    this.#ask = ask;
  }

  protected override fetch(from: number, to: number): Promise<EpochSummary[]> {
    return this.#ask(from, to);
  }
}
