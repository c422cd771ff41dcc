/**
 * "Interpreter Defaults": the design that claimd replaced, built anew so that both can be measured
 * side by side. A grpc-js server of proto-loader's objects, one EVALSHA for each call, one table of
 * an interpreter for each claim, and at each epoch boundary one coroutine over all tables and one
 * script over the whole registry. Everything else has its defaults.
 *
 *   node loadtest/baseline/server.ts --redis redis://127.0.0.1:6379 [--listen 127.0.0.1:0]
 *     [--epoch-length-ms 10000] [--validation-window-ms 10000] [--retention-epochs 60]
 *
 * Logs JSON lines: "serving" as claimd does, "epoch" for each boundary (EpochReport), and at SIGUSR2
 * "heap", what the interpreter has in use after a full collection. Ends on SIGTERM with code 0.
 */
import { parseArgs } from 'node:util';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { systemClock } from '../../src/clock/clock.ts';
import type { EpochRules } from '../../src/domain/epochs.ts';
import { ClaimService, claimServiceDefinition } from './claim-service.ts';
import { ClaimStore } from './claim-store.ts';
import { EpochLoop } from './epoch-loop.ts';
import { ClaimInterpreter } from './interpreter.ts';

interface Options {
  readonly redis: string;
  readonly listen: string;
  readonly rules: EpochRules;
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      redis: { type: 'string' },
      listen: { type: 'string', default: '127.0.0.1:0' },
      'epoch-length-ms': { type: 'string', default: '10000' },
      'validation-window-ms': { type: 'string', default: '10000' },
      'retention-epochs': { type: 'string', default: '60' },
    },
  });
  if (values.redis === undefined) throw new Error('--redis redis://host:port is missing');
  const rules = {
    epochLengthMs: count('epoch-length-ms', values['epoch-length-ms']),
    validationWindowMs: count('validation-window-ms', values['validation-window-ms']),
    retentionEpochs: count('retention-epochs', values['retention-epochs']),
  };
  return { redis: values.redis, listen: values.listen, rules };
}

function count(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) {
    throw new Error(`--${name} ${text}: a whole number from 1 is allowed`);
  }
  return value;
}

function log(msg: string, fields: object): void {
  process.stdout.write(`${JSON.stringify({ msg, ...fields })}\n`);
}

async function main(): Promise<void> {
  const { redis, listen, rules } = readOptions();
  const store = new ClaimStore(redis, rules.retentionEpochs);
  const interpreter = await ClaimInterpreter.start();
  for (const fact of await store.readAll()) interpreter.learn(fact);
  const epochs = new EpochLoop(store, interpreter, rules, systemClock, (report) => log('epoch', report));
  const server = new Server();
  const service = new ClaimService(store, interpreter, rules, systemClock);
  server.addService(claimServiceDefinition(), service.handlers());
  server.bindAsync(listen, ServerCredentials.createInsecure(), (error, port) => {
    if (error !== null) throw error;
    epochs.start();
    log('serving', { address: `${listen.slice(0, listen.lastIndexOf(':'))}:${port}` });
  });
  process.on('SIGUSR2', () => log('heap', interpreter.collectedUsage()));
  process.on('SIGTERM', async () => {
    await epochs.stop();
    server.forceShutdown();
    store.close();
    process.exitCode = 0;
  });
}

await main();
