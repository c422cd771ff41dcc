/**
 * The methods that decide claims. Each call is admitted or refused as a whole before any work is
 * done, and answered exactly once. Messages are raw bytes in and out.
 */
import {
  type handleBidiStreamingCall,
  type handleUnaryCall,
  type ServerErrorResponse,
  type ServerUnaryCall,
  type sendUnaryData,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { Clock } from '../clock/clock.ts';
import { ClaimOperation } from '../domain/claim.ts';
import { InvalidArgument, ResourceExhausted } from '../domain/errors.ts';
import { EntryMark } from '../entries/entry-table.ts';
import type { EntryOwner, Ingress } from '../ingress/ingress.ts';
import { BATCH_MAX_ITEMS } from '../limits.ts';
import type { ShedReason } from '../telemetry/call-stats.ts';
import type { Logger } from '../telemetry/log.ts';
import type { CallTimer } from './call-timer.ts';
import { ExchangeStream } from './exchange-stream.ts';
import { BATCH_ITEMS_FIELD, countItems, ItemCursor } from './item-cursor.ts';
import { ItemGroup, isRefused, noRoomFor, TABLE_FULL, UNREAD } from './item-group.ts';
import { type CallOperation, ItemIntake } from './item-intake.ts';
import { viewOf } from './protobuf-reader.ts';
import { ReplyEncoder } from './reply-codec.ts';
import { logUnexpected, notServing, resourceExhausted, toStatus, type Unexpected } from './status.ts';
import { methodNumber, type TimedCall } from './timed-call.ts';
import { UnreadReplies } from './unread-replies.ts';

type Call = ServerUnaryCall<Buffer, Buffer>;
type Reply = sendUnaryData<Buffer>;

/** A batch, whose items are counted once it is admitted. */
interface TimedBatch extends TimedCall {
  readonly call: Call;
  items: number;
}

/** What calls in flight need to be answered; the same for all. */
interface Answering {
  readonly ingress: Ingress;
  readonly encoder: ReplyEncoder;
  readonly timer: CallTimer;
}

export class ClaimHandlers {
  /** By method name, for the server. */
  readonly methods: UntypedServiceImplementation;
  readonly #ingress: Ingress;
  readonly #intake: ItemIntake;
  readonly #encoder: ReplyEncoder;
  readonly #timer: CallTimer;
  readonly #answering: Answering;
  readonly #cursor = new ItemCursor();
  readonly #streams = new Set<ExchangeStream>();
  /** Of batches and streams: a reply to a single claim is no larger than the call that it ends. */
  readonly #unread = new UnreadReplies();
  readonly #unexpected: Unexpected;
  /** Why calls are refused, while they are. */
  #refusal: string | undefined = 'starting';

  constructor(ingress: Ingress, clock: Clock, maxClockSkewMs: number, timer: CallTimer, log: Logger) {
    this.#unexpected = logUnexpected(log);
    this.#ingress = ingress;
    this.#intake = new ItemIntake(ingress, clock, maxClockSkewMs);
    this.#encoder = new ReplyEncoder(ingress.entries, ingress.rules);
    this.#timer = timer;
    this.#answering = { ingress, encoder: this.#encoder, timer };
    this.methods = {
      SubmitClaim: this.#unary(methodNumber('SubmitClaim'), ClaimOperation.SUBMIT),
      ValidateClaim: this.#unary(methodNumber('ValidateClaim'), ClaimOperation.VALIDATE),
      GetClaim: this.#unary(methodNumber('GetClaim'), ClaimOperation.GET),
      BatchSubmitClaims: this.#batch(methodNumber('BatchSubmitClaims'), ClaimOperation.SUBMIT),
      BatchValidateClaims: this.#batch(methodNumber('BatchValidateClaims'), ClaimOperation.VALIDATE),
      ExchangeClaims: this.#exchange(methodNumber('ExchangeClaims')),
    };
  }

  open(): void {
    this.#refusal = undefined;
  }

  /** Refuses further calls; those in flight are answered, streams end after what they have sent. */
  close(): void {
    this.#refusal = 'shutting down';
    for (const stream of this.#streams) stream.close();
  }

  #unary(method: number, operation: CallOperation): handleUnaryCall<Buffer, Buffer> {
    return (call, reply) => {
      const beganUs = this.#timer.nowUs();
      if (this.#refusal !== undefined) {
        this.#refuse({ method, call, beganUs, items: 1 }, reply, notServing(this.#refusal));
        return;
      }
      if (!this.#ingress.hasRoom(1)) {
        this.#timer.shed('in_flight');
        this.#refuse({ method, call, beganUs, items: 1 }, reply, resourceExhausted(noRoomFor(1)));
        return;
      }
      const entry = this.#ingress.allocate();
      try {
        this.#intake.readClock();
        const refusal = this.#intake.decode(operation, viewOf(call.request), 0, call.request.length, entry);
        if (refusal === undefined) {
          this.#timer.dispatched(entry, beganUs);
          this.#ingress.dispatch(
            entry,
            operation,
            new UnaryCall(this.#answering, method, call, reply, entry),
          );
          return;
        }
        reply(null, this.#encoder.unaryRefusal(refusal, this.#ingress.epoch));
        this.#timer.malformed({ method, call, beganUs, items: 1 }, operation);
      } catch (error) {
        this.#refuse({ method, call, beganUs, items: 1 }, reply, toStatus(error, this.#unexpected, call));
      }
      this.#ingress.release(entry);
    };
  }

  #batch(method: number, operation: CallOperation): handleUnaryCall<Buffer, Buffer> {
    return (call, reply) => {
      const timed = { method, call, beganUs: this.#timer.nowUs(), items: 0 };
      if (this.#refusal !== undefined) {
        this.#refuse(timed, reply, notServing(this.#refusal));
        return;
      }
      try {
        this.#admitBatch(operation, timed, reply);
      } catch (error) {
        this.#refuse(timed, reply, toStatus(error, this.#unexpected, call));
      }
    };
  }

  /** Answers a call as a whole, without its claims having been decided. */
  #refuse(timed: TimedCall, reply: Reply, refusal: Partial<ServerErrorResponse>): void {
    reply(refusal);
    this.#timer.ended(timed, refusal.code ?? status.UNKNOWN);
  }

  /** @throws InvalidArgument, ResourceExhausted; then nothing was done. */
  #admitBatch(operation: CallOperation, timed: TimedBatch, reply: Reply): void {
    const { call, beganUs } = timed;
    const message = viewOf(call.request);
    const count = countItems(message, BATCH_ITEMS_FIELD);
    if (count > BATCH_MAX_ITEMS) throw new InvalidArgument('items', `${count}`, `at most ${BATCH_MAX_ITEMS}`);
    const connection = call.getPeer();
    timed.items = count;
    if (!this.#unread.hasRoom(connection)) throw this.#shed('unread', UNREAD);
    if (!this.#ingress.hasRoom(count)) throw this.#shed('in_flight', noRoomFor(count));
    const group = new ItemGroup(this.#ingress, operation, count, this.#ingress.epoch, (last) => {
      const unavailable = this.#timer.countItems(operation, group);
      if (group.isRefusedWhole) {
        this.#timer.shed('table');
        reply(resourceExhausted(TABLE_FULL));
        this.#timer.ended(timed, status.RESOURCE_EXHAUSTED, last, unavailable);
      } else {
        if (!call.cancelled) this.#sendBatch(call, connection, reply, this.#encoder.batch(group));
        this.#timer.ended(timed, status.OK, last, unavailable);
      }
      group.finish();
    });
    this.#cursor.reset(message, BATCH_ITEMS_FIELD);
    try {
      group.take(this.#intake, message, this.#cursor);
    } catch (error) {
      group.abandon();
      throw error;
    }
    this.#timer.allDispatched(group.entries, beganUs);
    group.dispatch();
  }

  #shed(reason: ShedReason, message: string): ResourceExhausted {
    this.#timer.shed(reason);
    return new ResourceExhausted(message);
  }

  /** Its bytes count until the peer has taken them, and with them those of the request, which grpc-js keeps as long. */
  #sendBatch(call: Call, connection: string, reply: Reply, bytes: Buffer): void {
    const counted = this.#unread.add(connection, call.request.length + bytes.length);
    // grpc-js says so at the end of every call, well ended or not: of one that is well, once the
    // last byte has been handed to the socket.
    call.once('cancelled', () => this.#unread.taken(connection, counted));
    reply(null, bytes);
  }

  #exchange(method: number): handleBidiStreamingCall<Buffer, Buffer> {
    return (call) => {
      const timed = { method, call, beganUs: this.#timer.nowUs(), items: 0 };
      if (this.#refusal !== undefined) {
        call.emit('error', notServing(this.#refusal));
        this.#timer.streamEnded(timed, status.UNAVAILABLE);
        return;
      }
      const stream = new ExchangeStream(call, timed, {
        ingress: this.#ingress,
        intake: this.#intake,
        encoder: this.#encoder,
        unread: this.#unread,
        timer: this.#timer,
        epoch: () => this.#ingress.epoch,
        unexpected: this.#unexpected,
        ended: () => this.#streams.delete(stream),
      });
      this.#streams.add(stream);
    };
  }
}

/** One unary call in flight. */
class UnaryCall implements EntryOwner, TimedCall {
  readonly method: number;
  readonly call: Call;
  readonly #answering: Answering;
  readonly #reply: Reply;
  readonly #entry: number;

  constructor(answering: Answering, method: number, call: Call, reply: Reply, entry: number) {
    this.method = method;
    this.call = call;
    this.#answering = answering;
    this.#reply = reply;
    this.#entry = entry;
  }

  get items(): number {
    return 1;
  }
  get beganUs(): number {
    return this.#answering.ingress.entries.markOf(this.#entry, EntryMark.RECEIVED);
  }

  answered(entry: number): void {
    const { ingress, encoder, timer } = this.#answering;
    if (isRefused(ingress.entries, entry)) {
      timer.shed('table');
      this.#reply(resourceExhausted(TABLE_FULL));
      timer.answered(this, entry, status.RESOURCE_EXHAUSTED);
    } else {
      this.#reply(null, encoder.unary(entry));
      timer.answered(this, entry, status.OK);
    }
    ingress.finish(entry);
  }
}
