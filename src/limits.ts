/**
 * Every bound of the program, with its sum. Relations between bounds are asserted at start
 * (checkLimits); what full means is said beside each.
 */
import { assert } from './domain/assert.ts';
import { ENTRY_ID_BYTES } from './entries/entry-table.ts';

/** Items of one batch call (DESIGN § 2). More: INVALID_ARGUMENT. */
export const BATCH_MAX_ITEMS = 8_192;

/**
 * Bytes of one received message. An item is at most 2 ids of 64 bytes, their tags and lengths
 * (4), a timestamp (11), its own tag and length (3): 146 bytes; a frame holds up to 8,192 items
 * and an id, so 8,192 × 146 + 11 = 1,196,043. Twice that leaves room for unknown fields of later
 * clients. Larger: RESOURCE_EXHAUSTED by grpc-js, before it is read whole.
 */
export const RECEIVE_MAX_BYTES = 2 * 1_200_000;

/** Bytes of one sent message: 8,192 results of at most 2 × 64 + 80 bytes, or reasons of 256. */
export const SEND_MAX_BYTES = 8_192 * (ENTRY_ID_BYTES + 80 + 256);

/**
 * Claims in flight on one ingress thread. At 10,000 unary calls/s and a store that stalls for a
 * second, 10,000 wait; beside them two batches of 8,192: 26,384, rounded up to a power of two.
 * 236 bytes each: 7.7 MB. Full: RESOURCE_EXHAUSTED for calls; a stream is read no further.
 */
export const INGRESS_ENTRIES = 32_768;

/**
 * Traces of calls that an ingress thread tells, for each of three reasons: slow, failed, sampled. A
 * trace is a span and one for each of six phases: 3 × 10 × 7 = 210 spans/s, 2 ms of CPU; at 10,000
 * calls/s the slowest 1 % are ten times as many as are told. A burst of two seconds' worth. Beyond:
 * dropped, and counted.
 */
export const TRACES_PER_S = 10;
export const TRACES_AT_ONCE = 20;

/** What a refused caller is told to wait: a few commits' time, so that room has been made. */
export const RETRY_AFTER_MS = 50;

/** Entries a single stream may hold, so that one client can't take them all: two full frames. */
export const STREAM_MAX_ENTRIES = 2 * BATCH_MAX_ITEMS;

/**
 * Entries that streams together leave to calls: a stream waits where a call would be refused. Room
 * for one full batch, or for 8,192 unary calls.
 */
export const ENTRIES_KEPT_FOR_CALLS = BATCH_MAX_ITEMS;

/**
 * Streams, and so calls, open at once on one connection; a client keeps further ones back. 10,000
 * unary calls/s over 4 connections are 50 on each at 20 ms a call; room for five times that. The
 * messages that a connection has begun and not ended are at most so many × RECEIVE_MAX_BYTES, 614 MB,
 * where a client means harm; grpc-js tells of a message only once it is whole.
 */
export const CONNECTION_MAX_STREAMS = 256;

/**
 * Messages of a stream that are read before they are asked for, and replies that are queued before
 * their writer is told: 1 of each, not 16 as Node has it, since each may be of megabytes.
 */
export const STREAM_MESSAGES_AHEAD = 1;

/** What a reply takes beside its bytes while it waits: a buffer, a queued write, a callback. */
export const REPLY_OVERHEAD_BYTES = 512;

/**
 * Bytes of replies that one stream's client has not taken, beyond which its frames are read no
 * further: 11,000 results of 92 bytes, 40 ms of 300,000 claims/s. What is in flight by then is
 * answered still: STREAM_MAX_ENTRIES × 171 bytes, 2.8 MB.
 */
export const STREAM_UNREAD_MAX_BYTES = 1 << 20;

/**
 * The same for a connection, its batches and streams together; of a batch the request counts too,
 * which is kept as long: sixteen streams', or eleven full batches of 50 bytes an item and 92 a
 * result. Beyond: batches are refused, RESOURCE_EXHAUSTED; streams are read no further. What is in
 * flight by then is answered still: INGRESS_ENTRIES × 171 bytes, 5.6 MB.
 */
export const CONNECTION_UNREAD_MAX_BYTES = 16 << 20;

/**
 * The same for all connections of an ingress thread: four that have stalled, or a second of 300,000
 * claims/s. Beyond: only who has nothing unread is served, one reply at a time.
 */
export const UNREAD_MAX_BYTES = 64 << 20;

/** Segments at most: the coordinator keeps one control entry for each. */
export const SEGMENTS_MAX = 1_024;

/**
 * Overdue claims on their way to the store at once: one per segment at least. The committer adds
 * at most EXPIRIES_BESIDE_CALLS of them to a batch that calls wait for: 0.3 ms of a store's time.
 */
const EXPIRY_ENTRIES = 256;
export const EXPIRIES_BESIDE_CALLS = 128;

export function expiryEntries(segments: number): number {
  return Math.max(EXPIRY_ENTRIES, segments);
}

/** Records of one page of a scan, and so of one step of hydration. */
export const SCAN_PAGE_RECORDS = 1_000;

/** The coordinator's entries: control (one per segment), expiry, one page of hydration. */
export function coordinatorEntries(segments: number): number {
  return segments + expiryEntries(segments) + SCAN_PAGE_RECORDS;
}

/** Records removed by one call of reclaim: 0.5 ms of SQLite's thread with ids in order, 5 ms with random ones. */
export const RECLAIM_PAGE_RECORDS = 500;

/** Items of one commit into SQLite: 2 to 3 ms of its thread with ids in order, 14 ms with random ones. */
export const SQLITE_BATCH_MAX_ITEMS = 1_000;

/**
 * Complete epochs whose summaries a store keeps: a week of 10-second epochs (60,480), in rows of
 * about 50 bytes: 3 MB. Older ones: OUT_OF_RANGE.
 */
export const SUMMARY_HISTORY_EPOCHS = 60_480;

/** Summaries read for a watcher at once while it catches up. */
export const WATCH_PAGE_EPOCHS = 256;

/** Epochs whose duration on this replica is remembered: nearly three hours of 10-second epochs. */
export const DURATION_HISTORY_EPOCHS = 1_024;

/** WatchEpochs streams open at once on a replica. More: RESOURCE_EXHAUSTED. */
export const WATCHERS_MAX = 1_024;

/**
 * Epochs that the validation window may span. The expiry wheel has a slot for each (rounded up to
 * a power of two) in every segment: 4,096 × 4 bytes × 64 segments = 1 MB.
 */
export const WINDOW_MAX_EPOCHS = 4_096;

/** Claims per table at most: record numbers of a segment must fit an int32 (and a process its memory). */
export const TABLE_CAPACITY_MAX = 2 ** 26;

/**
 * Threads at most: the holder column keeps a server's number + 1 in a byte, and workers, ingress
 * threads and the main one are servers: 190 + 64 + 1 = 255. More cores than that are better used by
 * more replicas: all claims of one pass the committer.
 */
export const WORKERS_MAX = 190;
export const INGRESS_THREADS_MAX = 64;

/**
 * Hashes that a registry in Redis may be spread over: as many as there are segments by default, so
 * that every segment can have its own. A commit of 500 items then touches all of them.
 */
export const REDIS_SHARDS_MAX = 64;

/** Items of one commit into Redis: about 1 ms of its one thread, which everybody else waits for. */
export const REDIS_BATCH_MAX_ITEMS = 500;

/**
 * Commits of a replica that Redis is asked for at once: it works on one while the answer of the other
 * is read and the next is written. Each keeps its last answer in Redis (REDIS_FENCE_SECONDS).
 */
export const REDIS_COMMITS_IN_FLIGHT = 2;

/**
 * Commits that wait for those in flight: the committer has no more than those, so this is room for
 * whoever calls beside it. Each has a deadline, so that none waits longer than one call may take.
 */
export const REDIS_WAITING_COMMITS_MAX = 1_024;

/**
 * How long Redis keeps what a replica's last commits were answered. It is asked for within one call's
 * time; an hour is long enough for any clock, and short enough that what replicas of the past left
 * (twice 500 items of 40 bytes: 40 KB each) goes away.
 */
export const REDIS_FENCE_SECONDS = 3_600;

/**
 * Claims past retention that scans have found and reclaim has not freed yet: twenty calls' worth. An
 * identity and its overhead are about 150 bytes: 1.5 MB. What is found beyond that, a later scan
 * finds again.
 */
export const REDIS_REMEMBERED_CLAIMS_MAX = 10_000;

/**
 * Scans under way at once that have claims left over of a page that Redis made larger than asked
 * for; there are three at most (hydration, a lost segment's, reconciliation). One more takes the
 * place of the oldest, which asks for its page again.
 */
export const REDIS_SCANS_MAX = 8;

/** Fields whose values can't be read that are told of, each once; the rest are only counted. */
export const REDIS_TOLD_FIELDS_MAX = 1_000;

/** Buckets of 64 epochs' summaries that one call of reclaim drops: a few days' worth. */
export const REDIS_DROPPED_BUCKETS_MAX = 512;

/**
 * Spans that wait to be exported, or are under way: 900 bytes each, 2 MB, of nearly 300 traces of a
 * call and its phases. They go once a second, or when there are so many for a request.
 */
export const TRACE_SPANS_MAX = 2_048;
export const TRACE_SPANS_PER_EXPORT = 512;

/**
 * Samples of the heap and of RSS from which growth is told: half an hour of one in 20 s. They have
 * 4,005 pairs, whose slopes take the main thread 0.3 ms each time, twice. An alarm needs twenty
 * minutes of them.
 */
export const GROWTH_SAMPLE_MS = 20_000;
export const GROWTH_SAMPLES = 90;
export const GROWTH_SAMPLES_MIN = 60;

/** Epochs over which allocation is compared with how long boundaries take: half an hour of 10-second ones. */
export const CORRELATED_EPOCHS = 180;

/**
 * Lines of one event that the log takes in a window, and events that are told apart (there are some
 * thirty): at most 64 a second of a few hundred bytes, 2 GB a day if everything fails at once; one
 * fault that each call meets is a line a second.
 */
export const LOG_LIMITS = { lines: 10, windowMs: 10_000, events: 64 } as const;

/** Asserts the relations between the bounds above. */
export function checkLimits(): void {
  assert(STREAM_MAX_ENTRIES <= INGRESS_ENTRIES, 'one stream must fit beside others');
  assert(BATCH_MAX_ITEMS <= STREAM_MAX_ENTRIES, 'a full frame must fit its stream');
  assert(BATCH_MAX_ITEMS + ENTRIES_KEPT_FOR_CALLS <= INGRESS_ENTRIES, 'a full frame must fit beside calls');
  assert(STREAM_UNREAD_MAX_BYTES <= CONNECTION_UNREAD_MAX_BYTES, 'one stream must fit beside others');
  assert(CONNECTION_UNREAD_MAX_BYTES <= UNREAD_MAX_BYTES, 'one connection must fit beside others');
  assert(GROWTH_SAMPLES_MIN <= GROWTH_SAMPLES, 'an alarm must find enough samples');
  assert(TRACE_SPANS_PER_EXPORT <= TRACE_SPANS_MAX, 'a full request of spans must fit');
  assert(EXPIRIES_BESIDE_CALLS < SQLITE_BATCH_MAX_ITEMS, 'calls must have room beside expiries');
  assert(EXPIRIES_BESIDE_CALLS < REDIS_BATCH_MAX_ITEMS, 'calls must have room beside expiries');
  assert(WORKERS_MAX + INGRESS_THREADS_MAX + 1 <= 255, 'the number of every server, + 1, must fit a byte');
}
