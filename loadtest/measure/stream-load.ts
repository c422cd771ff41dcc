/**
 * Load of ExchangeClaims frames: one stream a connection. Closed loop: so many frames are always under
 * way on each. Open loop: frames go out by a schedule, from whose time their latencies count (see
 * call-load). Every frame place has an id of its own, by which its answer finds it.
 */
import type { Clock } from '../../src/clock/clock.ts';
import { type FrameItems, FrameTemplate } from './frame-template.ts';
import { countOutcomes, readFrameId } from './messages.ts';
import type { Call } from './rpc/call.ts';
import type { RpcConnection } from './rpc/connection.ts';
import type { Connections, ConnectionsHandler } from './rpc/connections.ts';
import type { Tally } from './tally.ts';
import { EXCHANGE_PATH, frameItems, type WorkloadOptions } from './workload.ts';

const TIMESTAMP_MS = 20;
/** How often an open loop looks for frames that are due, milliseconds. */
const TICK_MS = 1;
const STATUS_OK = 0;

export interface StreamLoadOptions extends WorkloadOptions {
  /** Frames under way on all streams together: always in a closed loop, at most in an open one. */
  readonly outstanding: number;
  /** Frames per second of an open loop; 0 for a closed one. */
  readonly rate: number;
  readonly connections: number;
}

/** A place for one frame under way; its stream is its number modulo the streams. */
interface FramePlace {
  readonly template: FrameTemplate;
  /** When its frame was sent, monotonic microseconds; −1 while none is under way. */
  sentUs: number;
}

interface OpenStream {
  readonly connection: RpcConnection;
  readonly call: Call;
}

export class StreamLoad implements ConnectionsHandler {
  readonly #options: StreamLoadOptions;
  readonly #tally: Tally;
  readonly #clock: Clock;
  readonly #items: FrameItems;
  readonly #places: readonly FramePlace[];
  readonly #streams: (OpenStream | undefined)[];
  readonly #finished = Promise.withResolvers<void>();
  #connections: Connections | undefined;
  #timer: NodeJS.Timeout | undefined;
  #running = false;
  #nextClaim: number;
  #nextPlace = 0;
  #skipped = 0;

  constructor(options: StreamLoadOptions, tally: Tally, clock: Clock) {
    this.#options = options;
    this.#tally = tally;
    this.#clock = clock;
    this.#items = frameItems(options);
    this.#places = Array.from({ length: options.outstanding }, (_, place) => ({
      template: new FrameTemplate(this.#items, place + 1),
      sentUs: -1,
    }));
    this.#streams = Array<OpenStream | undefined>(options.connections).fill(undefined);
    this.#nextClaim = options.first;
  }

  /** Frames that an open loop left out because too many were under way; a closed one leaves none out. */
  get skipped(): number {
    return this.#skipped;
  }

  /** Frames sent. */
  get started(): number {
    return (this.#nextClaim - this.#options.first) / this.#options.items;
  }

  /** Frames under way. */
  get underWay(): number {
    return this.#places.filter((place) => place.sentUs >= 0).length;
  }

  /** Resolves when the load was stopped, every frame is answered and every stream has ended. */
  get finished(): Promise<void> {
    return this.#finished.promise;
  }

  start(connections: Connections): void {
    this.#connections = connections;
    this.#running = true;
    this.#setTimestamp();
    this.#openStreams();
    if (this.#options.rate > 0) this.#startSchedule(this.#options.rate);
    else this.#timer = setInterval(() => this.#setTimestamp(), TIMESTAMP_MS);
  }

  /** Sends no more frames; those under way are answered, then their streams are ended. */
  stop(): void {
    this.#running = false;
    clearInterval(this.#timer);
    this.#streams.forEach((stream, number) => {
      if (stream !== undefined) this.#endWhenAnswered(stream, number);
    });
    this.#checkFinished();
  }

  message(call: Call, bytes: Buffer, start: number, end: number): void {
    const place = this.#places[readFrameId(bytes, start, end) - 1];
    if (place === undefined || place.sentUs < 0) throw new Error('a frame was answered that was not sent');
    countOutcomes(bytes, start, end, 2, this.#tally.countsOf(place.sentUs));
    this.#tally.ended(place.sentUs, this.#clock.monotonicUs(), STATUS_OK);
    place.sentUs = -1;
    const stream = this.#streams[call.tag];
    if (stream === undefined) return;
    if (!this.#running) this.#endWhenAnswered(stream, call.tag);
    else if (this.#options.rate === 0) this.#send(stream, place, this.#clock.monotonicUs());
  }

  ended(call: Call, status: number): void {
    this.#streams[call.tag] = undefined;
    for (const place of this.#placesOf(call.tag)) {
      if (place.sentUs >= 0) this.#tally.ended(place.sentUs, this.#clock.monotonicUs(), status);
      place.sentUs = -1;
    }
    if (this.#running) this.#openStreams();
    else this.#checkFinished();
  }

  reconnected(): void {
    if (this.#running) this.#openStreams();
  }

  #setTimestamp(): void {
    this.#items.submit.setTimestamp(this.#clock.nowMs());
  }

  #placesOf(stream: number): FramePlace[] {
    return this.#places.filter((_, place) => place % this.#options.connections === stream);
  }

  #openStreams(): void {
    this.#streams.forEach((stream, number) => {
      const connection = this.#connections?.pick(number);
      if (stream !== undefined || connection === undefined) return;
      const opened = { connection, call: connection.start(EXCHANGE_PATH, number) };
      this.#streams[number] = opened;
      if (this.#options.rate > 0) return;
      for (const place of this.#placesOf(number)) this.#send(opened, place, this.#clock.monotonicUs());
    });
  }

  #startSchedule(rate: number): void {
    const beginUs = this.#clock.monotonicUs();
    let scheduled = 0;
    this.#timer = setInterval(() => {
      this.#setTimestamp();
      const due = Math.floor(((this.#clock.monotonicUs() - beginUs) / 1e6) * rate);
      for (; scheduled < due; scheduled++) this.#sendScheduled(beginUs + (scheduled * 1e6) / rate);
    }, TICK_MS);
  }

  /** Sends a frame that counts from startUs, from the next place that is free and whose stream is open. */
  #sendScheduled(startUs: number): void {
    for (let tried = 0; tried < this.#places.length; tried++) {
      const number = this.#nextPlace;
      this.#nextPlace = (number + 1) % this.#places.length;
      const stream = this.#streams[number % this.#options.connections];
      if (stream === undefined || this.#places[number].sentUs >= 0) continue;
      this.#send(stream, this.#places[number], startUs);
      return;
    }
    this.#skipped++;
  }

  /** @param startUs from when its latency counts, monotonic microseconds. */
  #send(stream: OpenStream, place: FramePlace, startUs: number): void {
    stream.connection.send(stream.call, place.template.fill(this.#nextClaim), false);
    this.#nextClaim += this.#options.items;
    place.sentUs = startUs;
  }

  #endWhenAnswered(stream: OpenStream, number: number): void {
    if (this.#placesOf(number).every((place) => place.sentUs < 0)) stream.connection.end(stream.call);
  }

  #checkFinished(): void {
    if (this.#streams.every((stream) => stream === undefined)) this.#finished.resolve();
  }
}
