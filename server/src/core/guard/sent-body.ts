import type { ByteSource, ReplayableBody } from '../bytes.ts';
import type { PutResult } from '../channel.ts';
import { tap } from '../streams/tap.ts';
import { uploadRetry, withRetry } from './retry.ts';

/** Sends again what may go better: not a stream, and not a body that itself fails. */
export function sendBody<T>(
  body: ReplayableBody,
  signal: AbortSignal,
  send: (sent: SentBody) => Promise<T>,
): Promise<T> {
  let sent = new SentBody(body);
  const work = (): Promise<T> => {
    sent = new SentBody(body);
    return send(sent);
  };
  const mayHelp = (): boolean => !body.once && !sent.hasFailed;
  return withRetry(work, signal, { ...uploadRetry, mayHelp });
}

/** A body as one try sees it. */
export class SentBody {
  /** Of the whole body, as far as it is known. */
  bytes: number | undefined;
  hasFailed = false;
  readonly #body: ReplayableBody;

  constructor(body: ReplayableBody) {
    this.#body = body;
    this.bytes = body.size;
  }

  /** The body, which calls `beat` whenever bytes move. */
  beating<B extends ReplayableBody>(beat: () => void, body = this.#body as B): B {
    return { ...body, open: () => this.#open(beat) };
  }

  isAllIn({ size, recompressed }: PutResult): boolean {
    return recompressed !== undefined || this.bytes === undefined || size === this.bytes;
  }

  #open(beat: () => void): ByteSource {
    const tapped = tap(this.#body.open(), {
      // Not for the first chunk: until it is there, a driver may wait for its turn.
      onPull: () => tapped.bytes > 0 && beat(),
      onChunk: beat,
      onEnd: () => (this.bytes = tapped.bytes),
      onError: () => (this.hasFailed = true),
    });
    return tapped;
  }
}
