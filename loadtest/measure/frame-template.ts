/** Frames of ExchangeClaims that are prebuilt; only claim numbers and timestamps are written anew. */
import { bytesField, GRPC_PREFIX_BYTES, grpcMessage, type ItemTemplate, varintField } from './messages.ts';

/** Fields of ExchangeClaimsRequest (proto/claims/v1/claims.proto). */
const FRAME_ID = 1;
const SUBMITS = 2;
const VALIDATES = 3;
/** Every so many-th claim of an earlier frame is validated. */
const VALIDATE_STEP = 2;

export interface FrameItems {
  readonly submit: ItemTemplate;
  /** Submits of a frame. */
  readonly submits: number;
  readonly validate: ItemTemplate;
  /** Whether every second claim is validated in a later frame. */
  readonly mixed: boolean;
  /** Number of the first claim. */
  readonly first: number;
  /** How many claims lie between the submit and the validate of the same claim. */
  readonly lag: number;
}

/** All frames of one place in a stream, with the same frame id. */
export class FrameTemplate {
  readonly #items: FrameItems;
  readonly #submitsOnly: ItemList;
  readonly #withValidates: ItemList;

  constructor(items: FrameItems, frameId: number) {
    this.#items = items;
    this.#submitsOnly = new ItemList(items, 0, frameId);
    this.#withValidates = new ItemList(items, Math.floor(items.submits / VALIDATE_STEP), frameId);
  }

  /** With its gRPC prefix, the frame that submits so many claims from a number on; valid until the next. */
  fill(firstSubmit: number): Buffer {
    const { mixed, first, lag } = this.#items;
    const firstValidate = firstSubmit - lag;
    const list = mixed && firstValidate >= first ? this.#withValidates : this.#submitsOnly;
    return list.fill(firstSubmit, firstValidate);
  }
}

/** A frame with a fixed number of submits and of validates. */
class ItemList {
  readonly #message: Buffer;
  readonly #items: FrameItems;
  readonly #validates: number;
  readonly #submitsAt: number;
  readonly #submitBytes: number;
  readonly #validateBytes: number;

  constructor(items: FrameItems, validates: number, frameId: number) {
    const head = varintField(FRAME_ID, frameId);
    const submit = bytesField(SUBMITS, items.submit.bytes);
    const validate = bytesField(VALIDATES, items.validate.bytes);
    const submits = Array<Buffer>(items.submits).fill(submit);
    this.#message = grpcMessage(
      Buffer.concat([head, ...submits, ...Array<Buffer>(validates).fill(validate)]),
    );
    this.#items = items;
    this.#validates = validates;
    this.#submitsAt = GRPC_PREFIX_BYTES + head.length;
    this.#submitBytes = submit.length;
    this.#validateBytes = validate.length;
  }

  fill(firstSubmit: number, firstValidate: number): Buffer {
    const { submit, submits, validate } = this.#items;
    let end = this.#submitsAt;
    for (let i = 0; i < submits; i++) {
      end += this.#submitBytes;
      submit.write(this.#message, end - submit.bytes.length, firstSubmit + i);
    }
    for (let i = 0; i < this.#validates; i++) {
      end += this.#validateBytes;
      validate.write(this.#message, end - validate.bytes.length, firstValidate + VALIDATE_STEP * i);
    }
    return this.#message;
  }
}
