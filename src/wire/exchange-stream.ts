/**
 * One ExchangeClaims stream: frames in, frames out as they complete. Flow control in both
 * directions: it reads no further while it holds as many claims as it may, while the ingress has
 * no room, or while the client does not read its replies; so a stream holds bounded memory.
 */
import { type ServerDuplexStream, status } from '@grpc/grpc-js';
import { ClaimOperation } from '../domain/claim.ts';
import { InvalidArgument } from '../domain/errors.ts';
import { NO_ENTRY } from '../entries/entry-table.ts';
import type { Ingress } from '../ingress/ingress.ts';
import {
  BATCH_MAX_ITEMS,
  ENTRIES_KEPT_FOR_CALLS,
  STREAM_MAX_ENTRIES,
  STREAM_UNREAD_MAX_BYTES,
} from '../limits.ts';
import type { CallTimer } from './call-timer.ts';
import {
  FRAME_SUBMITS_FIELD,
  FRAME_VALIDATES_FIELD,
  type FrameHead,
  ItemCursor,
  readFrameHead,
} from './item-cursor.ts';
import { ItemGroup } from './item-group.ts';
import type { ItemIntake } from './item-intake.ts';
import { viewOf } from './protobuf-reader.ts';
import type { ReplyEncoder } from './reply-codec.ts';
import { notServing, toStatus, type Unexpected } from './status.ts';
import type { TimedCall } from './timed-call.ts';
import type { UnreadReplies } from './unread-replies.ts';

export interface StreamContext {
  readonly ingress: Ingress;
  readonly intake: ItemIntake;
  readonly encoder: ReplyEncoder;
  readonly unread: UnreadReplies;
  readonly timer: CallTimer;
  readonly epoch: () => number;
  /** Told of errors that no table foresees. */
  readonly unexpected: Unexpected;
  /** The stream has ended. */
  readonly ended: () => void;
}

/** Timed from its arrival: what it is held back for counts as decoding. */
interface Frame extends TimedCall {
  readonly head: FrameHead;
  readonly message: DataView;
}

export class ExchangeStream {
  readonly #call: ServerDuplexStream<Buffer, Buffer>;
  readonly #timed: TimedCall;
  readonly #context: StreamContext;
  readonly #cursor = new ItemCursor();
  readonly #connection: string;
  /** Frames read but not admitted yet: the stream is paused then, so at most a few. */
  readonly #held: Frame[] = [];
  #itemsInFlight = 0;
  #framesInFlight = 0;
  /** Bytes of replies that the client has not taken. */
  #unreadBytes = 0;
  #waitsForRoom = false;
  #waitsForConnection = false;
  #halfClosed = false;
  #closing = false;
  #over = false;
  #counted = false;

  /** @param timed the stream as a call. */
  constructor(call: ServerDuplexStream<Buffer, Buffer>, timed: TimedCall, context: StreamContext) {
    this.#call = call;
    this.#timed = timed;
    this.#context = context;
    this.#connection = call.getPeer();
    call.on('data', (bytes: Buffer) => this.#received(bytes));
    call.on('end', () => {
      this.#halfClosed = true;
      this.#proceed();
    });
    // grpc-js says so at the end of every call, well ended or not; what was not taken never will be.
    call.on('cancelled', () => {
      this.#countEnd(status.CANCELLED);
      this.#end();
      this.#taken(this.#unreadBytes);
    });
  }

  /** The server is shutting down: what was admitted is answered, then the stream ends UNAVAILABLE. */
  close(): void {
    this.#closing = true;
    this.#held.length = 0;
    this.#proceed();
  }

  #received(bytes: Buffer): void {
    if (this.#over || this.#closing) return;
    const beganUs = this.#context.timer.nowUs();
    const message = viewOf(bytes);
    try {
      const head = readFrameHead(message);
      const items = head.submits + head.validates;
      if (items > BATCH_MAX_ITEMS)
        throw new InvalidArgument('frame', `${items} items`, `at most ${BATCH_MAX_ITEMS}`);
      this.#held.push({ ...this.#timed, beganUs, head, message, items });
      this.#proceed();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Admits what can be admitted, reads on or pauses, and ends where all is done. */
  #proceed(): void {
    if (this.#over) return;
    try {
      while (this.#mayAdmit()) this.#admit(this.#held.shift() as Frame);
    } catch (error) {
      this.#fail(error);
      return;
    }
    if (this.#held.length > 0 || this.#closing) this.#call.pause();
    else this.#call.resume();
    if (this.#framesInFlight === 0 && this.#held.length === 0) this.#endIfDone();
  }

  #mayAdmit(): boolean {
    const frame = this.#held[0];
    if (frame === undefined || this.#waitsForRoom || !this.#isRead()) return false;
    // A frame larger than what is left waits for the stream's own to be answered.
    if (this.#itemsInFlight + frame.items > STREAM_MAX_ENTRIES) return false;
    // What calls may need is left to them: they would be refused where a stream only waits.
    const room = frame.items + ENTRIES_KEPT_FOR_CALLS;
    if (this.#context.ingress.hasRoom(room)) return true;
    this.#waitsForRoom = true;
    this.#context.ingress.onceRoom(room, this.#ingressHasRoom);
    return false;
  }

  readonly #ingressHasRoom = (): void => {
    this.#waitsForRoom = false;
    this.#proceed();
  };

  /** Whether the client reads what it is sent, on this stream and on its connection. */
  #isRead(): boolean {
    // When it takes something, `#taken` proceeds.
    if (this.#waitsForConnection || this.#unreadBytes >= STREAM_UNREAD_MAX_BYTES) return false;
    const { unread } = this.#context;
    if (unread.hasRoom(this.#connection)) return true;
    this.#waitsForConnection = true;
    unread.onceRoom(this.#connection, this.#connectionHasRoom);
    return false;
  }

  readonly #connectionHasRoom = (): void => {
    this.#waitsForConnection = false;
    this.#proceed();
  };

  /** @throws InvalidArgument where an item is unreadable; then nothing of the frame was done. */
  #admit(frame: Frame): void {
    const { ingress, intake, timer, epoch } = this.#context;
    const { head, message, items } = frame;
    let unanswered = 2;
    let lastOfFrame = NO_ENTRY;
    const answered = (last: number) => {
      unanswered -= 1;
      if (last !== NO_ENTRY) lastOfFrame = last;
      if (unanswered === 0) this.#answer(frame, submits, validates, lastOfFrame);
    };
    const submits = new ItemGroup(ingress, ClaimOperation.SUBMIT, head.submits, epoch(), answered);
    const validates = new ItemGroup(ingress, ClaimOperation.VALIDATE, head.validates, epoch(), answered);
    try {
      this.#cursor.reset(message, FRAME_SUBMITS_FIELD);
      submits.take(intake, message, this.#cursor);
      this.#cursor.reset(message, FRAME_VALIDATES_FIELD);
      validates.take(intake, message, this.#cursor);
    } catch (error) {
      submits.abandon();
      validates.abandon();
      throw error;
    }
    this.#itemsInFlight += items;
    this.#framesInFlight += 1;
    timer.allDispatched(submits.entries, frame.beganUs);
    timer.allDispatched(validates.entries, frame.beganUs);
    // In this order: a segment serves its entries as they came, so submits are decided first.
    submits.dispatch();
    validates.dispatch();
  }

  /** @param last the entry that came last, if there is one. */
  #answer(frame: Frame, submits: ItemGroup, validates: ItemGroup, last: number): void {
    const { encoder, timer } = this.#context;
    this.#itemsInFlight -= frame.items;
    this.#framesInFlight -= 1;
    const submitsUnavailable = timer.countItems(ClaimOperation.SUBMIT, submits);
    const validatesUnavailable = timer.countItems(ClaimOperation.VALIDATE, validates);
    if (!this.#over) {
      this.#send(encoder.frame(frame.head.frameId, submits, validates));
      timer.frameAnswered(frame, last, submitsUnavailable || validatesUnavailable);
    }
    submits.finish();
    validates.finish();
    this.#proceed();
  }

  /** Writes a reply, whose bytes count until the client has taken them. */
  #send(reply: Buffer): void {
    const bytes = this.#context.unread.add(this.#connection, reply.length);
    this.#unreadBytes += bytes;
    this.#call.write(reply, () => {
      // Where the call has ended first, its end has counted them.
      if (this.#unreadBytes > 0) this.#taken(bytes);
      this.#proceed();
    });
  }

  #taken(bytes: number): void {
    this.#unreadBytes -= bytes;
    this.#context.unread.taken(this.#connection, bytes);
  }

  #endIfDone(): void {
    if (this.#closing) {
      this.#call.emit('error', notServing('shutting down'));
      this.#countEnd(status.UNAVAILABLE);
      this.#end();
    } else if (this.#halfClosed) {
      // A client that has gone looks like one that has nothing more to say; grpc-js learns which when
      // it writes the end.
      this.#call.once('finish', () => this.#countEnd(status.OK));
      this.#call.end();
      this.#end();
    }
  }

  #fail(error: unknown): void {
    const refusal = toStatus(error, this.#context.unexpected, this.#call);
    this.#call.emit('error', refusal);
    this.#countEnd(refusal.code ?? status.UNKNOWN);
    this.#end();
  }

  /** @param code gRPC status; the first that is told counts. */
  #countEnd(code: number): void {
    if (this.#counted) return;
    this.#counted = true;
    this.#context.timer.streamEnded(this.#timed, code);
  }

  /** Entries in flight finish by themselves; their answers go nowhere. */
  #end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#held.length = 0;
    this.#context.unread.forget(this.#connection, this.#connectionHasRoom);
    this.#context.ingress.forget(this.#ingressHasRoom);
    this.#context.ended();
  }
}
