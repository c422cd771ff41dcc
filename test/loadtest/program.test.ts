/** The helper that starts programs (test/support/program), shown on the echo server. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startProgram } from '../support/program.ts';

const ECHO = 'loadtest/echo-server.ts';

/** Whether something listens on "host:port". */
async function listens(address: string): Promise<boolean> {
  const [host, port] = address.split(':');
  const socket = connect(Number(port), host);
  const connected = await once(socket, 'connect').then(
    () => true,
    () => false,
  );
  socket.destroy();
  return connected;
}

test('a program is started, serves where it says, and ends with its own exit code', async () => {
  const { program, serving } = await startProgram({ file: ECHO });
  assert.equal(await listens(serving.address), true);
  assert.match(program.log(), /"msg":"serving"/);
  assert.equal(await program.stop(), 0);
  assert.equal(await program.wait(), 0);
  assert.equal(await listens(serving.address), false);
});

test('a program that is killed ends with 128 + the number of the signal', async () => {
  const { program } = await startProgram({ file: ECHO });
  program.kill('SIGKILL');
  assert.equal(await program.wait(), 137);
});

test('a start that fails tells the exit code and the last output', async () => {
  await assert.rejects(
    startProgram({ file: ECHO, args: ['--no-such-flag'] }),
    /echo-server\.ts --no-such-flag ended with code 1 before it served.*Unknown option '--no-such-flag'/s,
  );
});

test('a program that never serves is killed when its time is up', async () => {
  await assert.rejects(
    startProgram({ file: '-e', args: ['setInterval(() => undefined, 1000)'], startTimeoutMs: 500 }),
    /did not serve within 500 ms/,
  );
});

test('settings of claimd in the environment do not reach a program, those given do', async () => {
  Object.assign(process.env, { CLAIMS_LISTEN: 'inherited' });
  const print = 'console.error(process.env.CLAIMS_LISTEN, process.env.CLAIMS_STORE)';
  try {
    await assert.rejects(
      startProgram({ file: '-e', args: [print], env: { CLAIMS_STORE: 'given' } }),
      /last output:\nundefined given/,
    );
  } finally {
    Reflect.deleteProperty(process.env, 'CLAIMS_LISTEN');
  }
});

test('a program does not outlive the process that started it, even one killed outright', async () => {
  const helper = new URL('../support/program.ts', import.meta.url).href;
  const code = `
    const { startProgram } = await import(${JSON.stringify(helper)});
    const { serving } = await startProgram({ file: ${JSON.stringify(ECHO)} });
    console.log(serving.address);
    setInterval(() => undefined, 1000);`;
  const parent = spawn(process.execPath, ['--input-type=module', '-e', code]);
  const [address]: Buffer[] = await once(parent.stdout, 'data');
  const where = address.toString().trim();
  assert.equal(await listens(where), true);
  parent.kill('SIGKILL');
  await once(parent, 'close');
  for (let i = 0; i < 50 && (await listens(where)); i++) await sleep(100);
  assert.equal(await listens(where), false);
});
