import { describe, expect, it } from 'vitest';
import { sendOrUndo } from './send-or-undo.ts';

function scene() {
  const answer = Promise.withResolvers<string>();
  const undone = Promise.withResolvers<string>();
  const controller = new AbortController();
  let inner: AbortSignal | undefined;
  const start = (sent: boolean, graceMs = 1000) =>
    sendOrUndo({
      signal: controller.signal,
      graceMs,
      send: (signal, onSent) => {
        inner = signal;
        signal.addEventListener('abort', () => answer.reject(signal.reason));
        if (sent) {
          onSent();
        }
        return answer.promise;
      },
      undo: async (result) => undone.resolve(result),
    });
  return { answer, undone, controller, start, inner: () => inner };
}

describe('send or undo', () => {
  it('gives the answer', async () => {
    const { answer, start } = scene();
    const call = start(true);
    answer.resolve('stored');
    expect(await call).toBe('stored');
  });

  it('an abort before the body is out stops the call', async () => {
    const { controller, start, answer } = scene();
    const call = start(false);
    controller.abort(new Error('gone'));
    await expect(call).rejects.toThrow('gone');
    await expect(answer.promise).rejects.toThrow('gone');
  });

  it('an abort after the body is out lets the caller go and undoes what was stored', async () => {
    const { controller, start, answer, undone, inner } = scene();
    const call = start(true);
    controller.abort(new Error('gone'));
    await expect(call).rejects.toThrow('gone');
    expect(inner()?.aborted).toBe(false);
    answer.resolve('stored');
    expect(await undone.promise).toBe('stored');
  });

  it('waits for the answer no longer than the grace time', async () => {
    const { controller, start, answer } = scene();
    const call = start(true, 10);
    controller.abort(new Error('gone'));
    await expect(call).rejects.toThrow('gone');
    await expect(answer.promise).rejects.toThrow('gone');
  });
});
