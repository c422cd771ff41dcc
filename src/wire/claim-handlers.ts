/**
 * The methods that decide claims. Each call is admitted or refused as a whole before any work is
 * done, and answered exactly once. Messages are raw bytes in and out.
 */
import type {
  handleBidiStreamingCall,
  handleUnaryCall,
  ServerUnaryCall,
  sendUnaryData,
  UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { Clock } from '../clock/clock.ts';
import { ClaimOperation } from '../domain/claim.ts';
import { InvalidArgument, ResourceExhausted } from '../domain/errors.ts';
import type { EntryOwner, Ingress } from '../ingress/ingress.ts';
import { BATCH_MAX_ITEMS } from '../limits.ts';
import type { Logger } from '../telemetry/log.ts';
import { ExchangeStream } from './exchange-stream.ts';
import { BATCH_ITEMS_FIELD, countItems, ItemCursor } from './item-cursor.ts';
import { ItemGroup, isRefused, noRoomFor, TABLE_FULL, UNREAD } from './item-group.ts';
import { type CallOperation, ItemIntake } from './item-intake.ts';
import { viewOf } from './protobuf-reader.ts';
import { ReplyEncoder } from './reply-codec.ts';
import { logUnexpected, notServing, resourceExhausted, toStatus } from './status.ts';
import { UnreadReplies } from './unread-replies.ts';

type Call = ServerUnaryCall<Buffer, Buffer>;
type Reply = sendUnaryData<Buffer>;

export class ClaimHandlers {
  /** By method name, for the server. */
  readonly methods: UntypedServiceImplementation;
  readonly #ingress: Ingress;
  readonly #intake: ItemIntake;
  readonly #encoder: ReplyEncoder;
  readonly #cursor = new ItemCursor();
  readonly #streams = new Set<ExchangeStream>();
  /** Of batches and streams: a reply to a single claim is no larger than the call that it ends. */
  readonly #unread = new UnreadReplies();
  readonly #unexpected: (error: unknown) => void;
  /** Why calls are refused, while they are. */
  #refusal: string | undefined = 'starting';

  constructor(ingress: Ingress, clock: Clock, maxClockSkewMs: number, log: Logger) {
    this.#unexpected = logUnexpected(log);
    this.#ingress = ingress;
    this.#intake = new ItemIntake(ingress, clock, maxClockSkewMs);
    this.#encoder = new ReplyEncoder(ingress.entries, ingress.rules);
    this.methods = {
      SubmitClaim: this.#unary(ClaimOperation.SUBMIT),
      ValidateClaim: this.#unary(ClaimOperation.VALIDATE),
      GetClaim: this.#unary(ClaimOperation.GET),
      BatchSubmitClaims: this.#batch(ClaimOperation.SUBMIT),
      BatchValidateClaims: this.#batch(ClaimOperation.VALIDATE),
      ExchangeClaims: this.#exchange(),
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

  #unary(operation: CallOperation): handleUnaryCall<Buffer, Buffer> {
    return (call, reply) => {
      if (this.#refusal !== undefined) {
        reply(notServing(this.#refusal));
        return;
      }
      if (!this.#ingress.hasRoom(1)) {
        reply(resourceExhausted(noRoomFor(1)));
        return;
      }
      const entry = this.#ingress.allocate();
      try {
        this.#intake.readClock();
        const refusal = this.#intake.decode(operation, viewOf(call.request), 0, call.request.length, entry);
        if (refusal === undefined) {
          this.#ingress.dispatch(entry, operation, new UnaryCall(this.#ingress, this.#encoder, reply));
          return;
        }
        reply(null, this.#encoder.unaryRefusal(refusal, this.#ingress.epoch));
      } catch (error) {
        reply(toStatus(error, this.#unexpected));
      }
      this.#ingress.release(entry);
    };
  }

  #batch(operation: CallOperation): handleUnaryCall<Buffer, Buffer> {
    return (call, reply) => {
      if (this.#refusal !== undefined) {
        reply(notServing(this.#refusal));
        return;
      }
      try {
        this.#admitBatch(operation, call, reply);
      } catch (error) {
        reply(toStatus(error, this.#unexpected));
      }
    };
  }

  /** @throws InvalidArgument, ResourceExhausted; then nothing was done. */
  #admitBatch(operation: CallOperation, call: Call, reply: Reply): void {
    const message = viewOf(call.request);
    const count = countItems(message, BATCH_ITEMS_FIELD);
    if (count > BATCH_MAX_ITEMS) throw new InvalidArgument('items', `${count}`, `at most ${BATCH_MAX_ITEMS}`);
    const connection = call.getPeer();
    if (!this.#unread.hasRoom(connection)) throw new ResourceExhausted(UNREAD);
    if (!this.#ingress.hasRoom(count)) throw new ResourceExhausted(noRoomFor(count));
    const group = new ItemGroup(this.#ingress, operation, count, this.#ingress.epoch, () => {
      if (group.isRefusedWhole) reply(resourceExhausted(TABLE_FULL));
      else if (!call.cancelled) this.#sendBatch(call, connection, reply, this.#encoder.batch(group));
      group.finish();
    });
    this.#cursor.reset(message, BATCH_ITEMS_FIELD);
    try {
      group.take(this.#intake, message, this.#cursor);
    } catch (error) {
      group.abandon();
      throw error;
    }
    group.dispatch();
  }

  /** Its bytes count until the peer has taken them, and with them those of the request, which grpc-js keeps as long. */
  #sendBatch(call: Call, connection: string, reply: Reply, bytes: Buffer): void {
    const counted = this.#unread.add(connection, call.request.length + bytes.length);
    // grpc-js says so at the end of every call, well ended or not: of one that is well, once the
    // last byte has been handed to the socket.
    call.once('cancelled', () => this.#unread.taken(connection, counted));
    reply(null, bytes);
  }

  #exchange(): handleBidiStreamingCall<Buffer, Buffer> {
    return (call) => {
      if (this.#refusal !== undefined) {
        call.emit('error', notServing(this.#refusal));
        return;
      }
      const stream = new ExchangeStream(call, {
        ingress: this.#ingress,
        intake: this.#intake,
        encoder: this.#encoder,
        unread: this.#unread,
        epoch: () => this.#ingress.epoch,
        unexpected: this.#unexpected,
        ended: () => this.#streams.delete(stream),
      });
      this.#streams.add(stream);
    };
  }
}

/** One unary call in flight. */
class UnaryCall implements EntryOwner {
  readonly #ingress: Ingress;
  readonly #encoder: ReplyEncoder;
  readonly #reply: Reply;

  constructor(ingress: Ingress, encoder: ReplyEncoder, reply: Reply) {
    this.#ingress = ingress;
    this.#encoder = encoder;
    this.#reply = reply;
  }

  answered(entry: number): void {
    if (isRefused(this.#ingress.entries, entry)) this.#reply(resourceExhausted(TABLE_FULL));
    else this.#reply(null, this.#encoder.unary(entry));
    this.#ingress.finish(entry);
  }
}
