import { fail, isStowageError, type StowageError } from '../../core/errors.ts';
import { isTransient } from '../../core/guard/retry.ts';
import { wait } from '../../core/guard/wait.ts';
import { type Hub, isRepoGone } from './api.ts';
import type { PathInfo } from './wire.ts';

export type Change =
  | { readonly kind: 'lfs'; readonly path: string; readonly oid: string; readonly size: number }
  | { readonly kind: 'regular'; readonly path: string; readonly content: Uint8Array }
  | { readonly kind: 'delete'; readonly path: string };

/**
 * Changes of one branch. The hub counts commits (128 an hour for free accounts) and refuses two at
 * once, so one commit runs at a time and takes everything that came together since the last began.
 * Losing a race, rate limits and failures of the hub are tried again here for `patienceMs`; a
 * commit whose answer was lost is looked up before it is repeated.
 */
export interface Committer {
  /**
   * Resolves once the change is on the branch. An add that is aborted while its commit runs is
   * taken back afterwards.
   */
  apply(change: Change, signal: AbortSignal): Promise<void>;
  /** Throws `channel_rate_limited` while the hub takes no commits for longer than we wait. */
  assertOpen(): void;
  close(): void;
}

export interface CommitterOptions {
  /** How long a first change waits for company. */
  readonly gatherMs: number;
  /** Longest time spent on repeating one commit. */
  readonly patienceMs: number;
  /** First pause before a repetition; doubles, with jitter. */
  readonly retryBaseMs: number;
}

// The hub recommends < 100 files a commit; inline contents travel in the body.
const maxChanges = 100;
const maxInlineBytes = 8 * 1024 * 1024;

interface Pending {
  readonly change: Change;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
  abandoned: boolean;
}

export function createCommitter(
  hub: Pick<Hub, 'commit' | 'pathsInfo'>,
  options: CommitterOptions,
): Committer {
  return new SerialCommitter(hub, options);
}

class SerialCommitter implements Committer {
  readonly #hub: Pick<Hub, 'commit' | 'pathsInfo'>;
  readonly #options: CommitterOptions;
  readonly #closed = new AbortController();
  #queue: Pending[] = [];
  #running = false;
  #blockedUntil = 0;

  constructor(hub: Pick<Hub, 'commit' | 'pathsInfo'>, options: CommitterOptions) {
    this.#hub = hub;
    this.#options = options;
  }

  assertOpen(): void {
    const waitMs = this.#blockedUntil - Date.now();
    if (waitMs > 0) {
      throw rateLimited(waitMs);
    }
  }

  async apply(change: Change, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.#closed.signal.throwIfAborted();
    this.assertOpen();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const pending: Pending = { change, resolve, reject, abandoned: false };
    const abandon = (): void => {
      pending.abandoned = true;
      this.#queue = this.#queue.filter((other) => other !== pending);
      reject(signal.reason);
    };
    signal.addEventListener('abort', abandon, { once: true });
    this.#enqueue(pending);
    await promise.finally(() => signal.removeEventListener('abort', abandon));
  }

  close(): void {
    const error = fail('channel_unavailable', { message: 'The channel is being closed.' });
    this.#closed.abort(error);
    for (const pending of this.#queue.splice(0)) {
      pending.reject(error);
    }
  }

  #enqueue(pending: Pending): void {
    this.#queue.push(pending);
    if (!this.#running) {
      void this.#run();
    }
  }

  async #run(): Promise<void> {
    this.#running = true;
    await wait(this.#options.gatherMs, this.#closed.signal).catch(() => undefined);
    while (this.#queue.length > 0) {
      await this.#land(this.#nextBatch());
    }
    this.#running = false;
  }

  /** From the head of the queue, in order; two changes of one path never share a commit. */
  #nextBatch(): Pending[] {
    const paths = new Set<string>();
    let inlineBytes = 0;
    const full = this.#queue.findIndex(({ change }, index) => {
      inlineBytes += change.kind === 'regular' ? change.content.length : 0;
      const stop =
        index >= maxChanges ||
        paths.has(change.path) ||
        (index > 0 && inlineBytes > maxInlineBytes);
      paths.add(change.path);
      return stop;
    });
    return this.#queue.splice(0, full === -1 ? this.#queue.length : full);
  }

  async #land(batch: readonly Pending[]): Promise<void> {
    try {
      await this.#commit(batch.map((pending) => pending.change));
      for (const pending of batch) {
        this.#settle(pending);
      }
    } catch (error) {
      const groups = partsAtFault(batch, error);
      if (groups.length < 2) {
        this.#refuse(batch, error);
      } else {
        for (const group of groups) {
          await this.#land(group);
        }
      }
    }
  }

  #settle(pending: Pending): void {
    pending.resolve();
    const { change } = pending;
    if (!pending.abandoned || change.kind === 'delete') {
      return;
    }
    if (this.#queue.some((other) => other.change.path === change.path)) {
      return;
    }
    this.#queue.push({
      change: { kind: 'delete', path: change.path },
      resolve: () => {},
      reject: () => {},
      abandoned: false,
    });
  }

  #refuse(batch: readonly Pending[], error: unknown): void {
    for (const pending of batch) {
      const gone =
        pending.change.kind === 'delete' &&
        batch.length === 1 &&
        isStowageError(error, 'not_found');
      gone ? pending.resolve() : pending.reject(error);
    }
  }

  async #commit(changes: readonly Change[]): Promise<void> {
    this.assertOpen();
    const deadlineAt = Date.now() + this.#options.patienceMs;
    for (let attempt = 1; ; attempt++) {
      try {
        const open = await this.#outstanding(changes, attempt > 1);
        if (open.length > 0) {
          await this.#hub.commit(summary(open), open.map(line), this.#closed.signal);
        }
        return;
      } catch (error) {
        await this.#waitToRepeat(error, attempt, deadlineAt);
      }
    }
  }

  /**
   * The changes not in effect yet. At first only deletions are looked up (the hub refuses to delete
   * what is gone).
   */
  async #outstanding(changes: readonly Change[], all: boolean): Promise<readonly Change[]> {
    const doubtful = changes.filter((change) => all || change.kind === 'delete');
    if (doubtful.length === 0) {
      return changes;
    }
    const present = await this.#hub.pathsInfo(
      doubtful.map((change) => change.path),
      this.#closed.signal,
    );
    return changes.filter(
      (change) => !doubtful.includes(change) || !inEffect(change, present.get(change.path)),
    );
  }

  async #waitToRepeat(error: unknown, attempt: number, deadlineAt: number): Promise<void> {
    if (!isTransient(error) || this.#closed.signal.aborted) {
      throw error;
    }
    const backoffMs =
      Math.min(5000, this.#options.retryBaseMs * 2 ** (attempt - 1)) * (0.5 + Math.random() / 2);
    const askedMs = (error as StowageError).retryAfterMs;
    const waitMs = Math.max(backoffMs, askedMs ?? 0);
    if (Date.now() + waitMs > deadlineAt) {
      if (askedMs !== undefined) {
        this.#blockedUntil = Date.now() + askedMs;
      }
      throw error;
    }
    await wait(waitMs, this.#closed.signal);
  }
}

export function inEffect(change: Change, found: PathInfo | undefined): boolean {
  if (change.kind === 'delete') {
    return found === undefined;
  }
  if (found === undefined) {
    return false;
  }
  return change.kind === 'lfs'
    ? found.lfs?.oid === change.oid && found.lfs.size === change.size
    : found.size === change.content.length;
}

function line(change: Change): string {
  const { path } = change;
  switch (change.kind) {
    case 'lfs':
      return JSON.stringify({
        key: 'lfsFile',
        value: { path, algo: 'sha256', oid: change.oid, size: change.size },
      });
    case 'regular':
      return JSON.stringify({
        key: 'file',
        value: {
          path,
          content: Buffer.from(change.content).toString('base64'),
          encoding: 'base64',
        },
      });
    case 'delete':
      return JSON.stringify({ key: 'deletedFile', value: { path } });
  }
}

function summary(changes: readonly Change[]): string {
  const [first] = changes;
  const verb = changes.every((change) => change.kind === 'delete')
    ? 'Delete'
    : changes.some((change) => change.kind === 'delete')
      ? 'Update'
      : 'Upload';
  return changes.length === 1 ? `${verb} ${first?.path}` : `${verb} ${changes.length} files`;
}

/**
 * One bad change must not sink the others: halves find it. A full repository still takes deletions.
 */
function partsAtFault(batch: readonly Pending[], error: unknown): (readonly Pending[])[] {
  const code = isStowageError(error) ? error.code : undefined;
  if (code === 'channel_full') {
    const isDelete = ({ change }: Pending): boolean => change.kind === 'delete';
    return [batch.filter(isDelete), batch.filter((pending) => !isDelete(pending))].filter(
      (group) => group.length > 0,
    );
  }
  const divisible = code === 'channel_refused' || code === 'too_large' || code === 'not_found';
  if (!divisible || batch.length < 2 || isRepoGone(error)) {
    return [batch];
  }
  const half = Math.ceil(batch.length / 2);
  return [batch.slice(0, half), batch.slice(half)];
}

function rateLimited(waitMs: number): StowageError {
  const minutes = Math.ceil(waitMs / 60_000);
  const message = `Hugging Face takes no more commits for about ${minutes} min (its rate limit)`;
  return fail('channel_rate_limited', { message, retryAfterMs: waitMs });
}
