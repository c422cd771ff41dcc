/** The three ways by which claims reach the service; what is true by one must be true by all. */
import type { ClaimClient, Frame, Item, Result } from './client.ts';

export interface Way {
  readonly name: 'unary' | 'batch' | 'stream';
  /** Results stand in the order of the items; unary calls of one list run at the same time. */
  submit(client: ClaimClient, items: readonly Item[]): Promise<readonly Result[]>;
  validate(client: ClaimClient, items: readonly Item[]): Promise<readonly Result[]>;
}

const unary: Way = {
  name: 'unary',
  submit: (client, items) => Promise.all(items.map((item) => client.submit(item))),
  validate: (client, items) => Promise.all(items.map((item) => client.validate(item))),
};

const batch: Way = {
  name: 'batch',
  submit: (client, items) => client.batchSubmit(items),
  validate: (client, items) => client.batchValidate(items),
};

const stream: Way = {
  name: 'stream',
  submit: async (client, items) => (await oneFrame(client, { frameId: 1n, submits: items })).submits,
  validate: async (client, items) => (await oneFrame(client, { frameId: 2n, validates: items })).validates,
};

export const WAYS: readonly Way[] = [unary, batch, stream];

async function oneFrame(client: ClaimClient, frame: Frame) {
  const replies = await client.exchange().all([frame]);
  if (replies.length !== 1) throw new Error(`one frame, ${replies.length} replies`);
  return replies[0];
}
