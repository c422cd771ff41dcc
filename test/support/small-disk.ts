/**
 * A disk of a few megabytes for one test: a tmpfs in a mount namespace of its own, held by a
 * process that ends with this one. Nothing is mounted where anybody else sees it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { type RunningProgram, startProgram } from './program.ts';

/** Root may make a mount namespace; others need a user namespace around it. */
export const NAMESPACE_FLAGS =
  process.getuid?.() === 0
    ? { make: ['--mount'], enter: ['--mount'] }
    : {
        make: ['--user', '--map-root-user', '--mount'],
        enter: ['--user', '--preserve-credentials', '--mount'],
      };

const MOUNT = 'mount -t tmpfs -o size="$1" claims-test "$2" && echo mounted && exec cat';
/** Less filler than this would show nothing. */
const FILLER_MIN_BYTES = 65_536;

export class SmallDisk {
  /** Where it is mounted, as a process inside the namespace sees it. */
  readonly folder: string;
  readonly #holder: ChildProcess;

  private constructor(folder: string, holder: ChildProcess) {
    this.folder = folder;
    this.#holder = holder;
  }

  /** Mounts a disk until the test is over. @throws Error that says what the machine does not allow */
  static async mount(t: TestContext, bytes: number): Promise<SmallDisk> {
    const folder = await mkdtemp(join(tmpdir(), 'claimd-disk-'));
    const args = [...NAMESPACE_FLAGS.make, 'sh', '-c', MOUNT, 'sh', `${bytes}`, folder];
    const holder = spawn('unshare', args, { stdio: ['pipe', 'pipe', 'pipe'] });
    t.after(async () => {
      holder.kill('SIGKILL');
      await rm(folder, { recursive: true, force: true });
    });
    let said = '';
    holder.stderr.on('data', (text: Buffer) => {
      said += text.toString();
    });
    const mounted = once(holder.stdout, 'data').then(() => true);
    const failed = once(holder, 'close').then(
      () => false,
      (error: Error) => {
        said += error.message;
        return false;
      },
    );
    if (!(await Promise.race([mounted, failed]))) {
      throw new Error(`a full disk needs unshare --mount and tmpfs, which fail here: ${said.trim()}`);
    }
    return new SmallDisk(folder, holder);
  }

  /** Starts a claimd whose database lies on the disk. @throws Error with the log's last lines */
  async startClaimd(
    t: TestContext,
    env: Record<string, string>,
  ): Promise<{ program: RunningProgram; address: string }> {
    const { program, serving } = await startProgram({
      file: 'test/support/inside-mount.ts',
      args: [`${this.#holder.pid}`],
      env: {
        CLAIMS_LISTEN: '127.0.0.1:0',
        CLAIMS_ADMIN_LISTEN: 'off',
        CLAIMS_STORE: `sqlite:${join(this.folder, 'claims.db')}`,
        ...env,
      },
    });
    t.after(async () => {
      program.kill('SIGKILL');
      await program.wait();
    });
    return { program, address: serving.address };
  }

  /** Writes a file that leaves so many bytes free, about. */
  async fillAllBut(bytes: number): Promise<void> {
    const { bavail, bsize } = await statfs(this.#outside());
    const size = bavail * bsize - bytes;
    if (size < FILLER_MIN_BYTES) throw new Error(`only ${bavail * bsize} bytes are free`);
    await writeFile(join(this.#outside(), 'filler'), Buffer.alloc(size));
  }

  /** Removes the file again. */
  async makeRoom(): Promise<void> {
    await rm(join(this.#outside(), 'filler'));
  }

  /** The folder as this process reaches it. */
  #outside(): string {
    return `/proc/${this.#holder.pid}/root${this.folder}`;
  }
}
