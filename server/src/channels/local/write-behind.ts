import { fdatasync } from 'node:fs';
import { io } from './io.ts';

const behindBytes = 32 * 1024 * 1024;

/**
 * Brings a large file to the disk while more of it comes in, so that the final sync has little left
 * to wait for. One sync is under way at a time.
 */
export class WriteBehind {
  readonly #fd: number;
  #waitingBytes = 0;
  #running: Promise<void> | undefined;
  #failure: unknown;

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** Call it after each write. Throws what an earlier sync failed with. */
  wrote(bytes: number): void {
    this.#throwFailure();
    this.#waitingBytes += bytes;
    if (this.#waitingBytes < behindBytes || this.#running !== undefined) {
      return;
    }
    this.#waitingBytes = 0;
    // The system reports a failed write-back once: a later fsync of the same file would succeed.
    this.#running = io((done) => fdatasync(this.#fd, done))
      .catch((error: unknown) => {
        this.#failure = error;
      })
      .finally(() => {
        this.#running = undefined;
      });
  }

  /** Waits until the descriptor may be closed. Rejects with what a sync failed with. */
  async end(): Promise<void> {
    await this.#running;
    this.#throwFailure();
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) {
      throw this.#failure;
    }
  }
}
