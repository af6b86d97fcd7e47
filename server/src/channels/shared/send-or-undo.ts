/**
 * For remotes where a call stores something under a name that only the response holds. An abort
 * stops the call while the body is on its way. Once the body is out, the caller is let go at once,
 * but the answer is still waited for (at most `graceMs`), so that what was stored all the same is
 * removed by `undo`.
 */
export function sendOrUndo<T>(options: SendOrUndo<T>): Promise<T> {
  const { signal, graceMs = 60_000 } = options;
  const call = new AbortController();
  let sent = false;
  let grace: NodeJS.Timeout | undefined;
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = (): void => {
    reject(signal.reason);
    grace = setTimeout(() => call.abort(signal.reason), sent ? graceMs : 0);
    grace.unref();
  };
  signal.throwIfAborted();
  signal.addEventListener('abort', abort, { once: true });
  const answer = options.send(call.signal, () => {
    sent = true;
  });
  answer
    .then((result) => (signal.aborted ? options.undo(result) : undefined))
    .catch(() => undefined)
    .finally(() => clearTimeout(grace));
  return Promise.race([answer, aborted]).finally(() => signal.removeEventListener('abort', abort));
}

export interface SendOrUndo<T> {
  readonly signal: AbortSignal;
  readonly graceMs?: number;
  /** `onSent` is to be called when the last byte of the body has been handed over. */
  send(signal: AbortSignal, onSent: () => void): Promise<T>;
  undo(result: T): Promise<void>;
}
