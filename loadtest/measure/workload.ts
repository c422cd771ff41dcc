/** What the load generator asks: which method, of which claims. Every submitted claim id is new. */
import type { FrameItems } from './frame-template.ts';
import { countOutcomes, ItemTemplate, RequestTemplate } from './messages.ts';
import { countDecision, RateLimitTemplate } from './ratelimit-messages.ts';

const SERVICE_PATH = '/claims.v1.ClaimService';
export const EXCHANGE_PATH = `${SERVICE_PATH}/ExchangeClaims`;
const RATELIMIT_PATH = '/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit';

export const WORKLOADS = [
  'submit',
  'validate',
  'mixed',
  'batch-submit',
  'batch-validate',
  'ratelimit',
] as const;
export type WorkloadName = (typeof WORKLOADS)[number];

export interface WorkloadOptions {
  readonly workload: WorkloadName;
  /** Prefix of every claim id: 1 to 48 characters, new for every run that submits. */
  readonly run: string;
  /** Number of the first claim. */
  readonly first: number;
  /** Items of a batch call or a frame. */
  readonly items: number;
  /** Whether ids of consecutive claims lie in no order, as random ones would. */
  readonly scattered: boolean;
  /** Whether nine of ten claims lie in the first half of the segments; not with `scattered`. */
  readonly skewed?: boolean;
  /** Mixed: how many claims lie between a submit and the validate of the same claim. */
  readonly lag: number;
}

export interface Request {
  readonly path: string;
  /** With its gRPC prefix; valid until the next request is asked for. */
  readonly message: Buffer;
}

export interface Workload {
  next(): Request;
  /** Counts what a reply at start … end says of its claims into `counts`, by Outcome number. */
  countReply(bytes: Buffer, start: number, end: number, counts: Float64Array): void;
  /** Sets the timestamp of the claims submitted from now on, milliseconds since the Unix epoch. */
  setTimestamp(timestampMs: number): void;
}

export function makeWorkload(options: WorkloadOptions): Workload {
  switch (options.workload) {
    case 'submit':
      return new Sequence('SubmitClaim', submitItem(options), RequestTemplate.single, options.first);
    case 'validate':
      return new Sequence('ValidateClaim', validateItem(options), RequestTemplate.single, options.first);
    case 'batch-submit':
      return new Sequence('BatchSubmitClaims', submitItem(options), batchOf(options.items), options.first);
    case 'batch-validate':
      return new Sequence(
        'BatchValidateClaims',
        validateItem(options),
        batchOf(options.items),
        options.first,
      );
    case 'mixed':
      return new Mixed(options);
    case 'ratelimit':
      return new RateLimits(options);
  }
}

/** What frames of ExchangeClaims hold: submits, and where `mixed` half as many validates. */
export function frameItems(options: WorkloadOptions): FrameItems {
  return {
    submit: submitItem(options),
    submits: options.items,
    validate: validateItem(options),
    mixed: options.workload === 'mixed',
    first: options.first,
    lag: options.lag,
  };
}

function submitItem(options: WorkloadOptions): ItemTemplate {
  return new ItemTemplate(options.run, true, options.scattered, options.skewed);
}

function validateItem(options: WorkloadOptions): ItemTemplate {
  return new ItemTemplate(options.run, false, options.scattered, options.skewed);
}

function batchOf(items: number): (item: ItemTemplate) => RequestTemplate {
  return (item) => RequestTemplate.list(item, items, 1, Buffer.alloc(0));
}

/** One method over claims in ascending order. */
class Sequence implements Workload {
  readonly #path: string;
  readonly #item: ItemTemplate;
  readonly #template: RequestTemplate;
  #number: number;

  constructor(
    method: string,
    item: ItemTemplate,
    shape: (item: ItemTemplate) => RequestTemplate,
    first: number,
  ) {
    this.#path = `${SERVICE_PATH}/${method}`;
    this.#item = item;
    this.#template = shape(item);
    this.#number = first;
  }

  next(): Request {
    const message = this.#template.fill(this.#number);
    this.#number += this.#template.items;
    return { path: this.#path, message };
  }

  countReply(bytes: Buffer, start: number, end: number, counts: Float64Array): void {
    countOutcomes(bytes, start, end, 1, counts);
  }

  setTimestamp(timestampMs: number): void {
    this.#item.setTimestamp(timestampMs);
  }
}

/** ShouldRateLimit of a claim after the other. */
class RateLimits implements Workload {
  readonly #template: RateLimitTemplate;
  #number: number;

  constructor({ run, first }: WorkloadOptions) {
    this.#template = new RateLimitTemplate(run);
    this.#number = first;
  }

  next(): Request {
    return { path: RATELIMIT_PATH, message: this.#template.fill(this.#number++) };
  }

  countReply(bytes: Buffer, start: number, end: number, counts: Float64Array): void {
    countDecision(bytes, start, end, counts);
  }

  setTimestamp(): void {
    // The server's own time counts.
  }
}

/** Two submits, then the validate of the earlier of a pair submitted `lag` claims ago; again. */
class Mixed implements Workload {
  readonly #submits: Sequence;
  readonly #validateTemplate: RequestTemplate;
  readonly #lag: number;
  #submitted = 0;
  #validated = 0;
  readonly #first: number;

  constructor(options: WorkloadOptions) {
    this.#submits = new Sequence('SubmitClaim', submitItem(options), RequestTemplate.single, options.first);
    this.#validateTemplate = RequestTemplate.single(validateItem(options));
    this.#lag = options.lag;
    this.#first = options.first;
  }

  next(): Request {
    const pair = 2 * this.#validated;
    if (this.#submitted - this.#lag > pair + 1) {
      this.#validated++;
      return {
        path: `${SERVICE_PATH}/ValidateClaim`,
        message: this.#validateTemplate.fill(this.#first + pair),
      };
    }
    this.#submitted++;
    return this.#submits.next();
  }

  countReply(bytes: Buffer, start: number, end: number, counts: Float64Array): void {
    this.#submits.countReply(bytes, start, end, counts);
  }

  setTimestamp(timestampMs: number): void {
    this.#submits.setTimestamp(timestampMs);
  }
}
