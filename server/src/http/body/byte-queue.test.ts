import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { createByteQueue } from './byte-queue.ts';

const create = (idleMs = 60_000) => {
  const hooks = {
    flow: vi.fn<(on: boolean) => void>(),
    onIdle: vi.fn<() => void>(),
    idleMs,
    share: { bytes: 1024 * 1024 },
  };
  return { hooks, queue: createByteQueue(hooks) };
};

describe('createByteQueue', () => {
  it('hands out every chunk once and in order, whoever is first', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.boolean(), { maxLength: 300 }), async (steps) => {
        const { queue } = create();
        const taken: ReturnType<typeof queue.next>[] = [];
        let pushed = 0;
        for (const push of steps) {
          // A single reader, which asks again only after it has been served.
          if (push) {
            queue.push(Uint8Array.of(pushed >> 8, pushed++ & 255));
          } else if (taken.length <= pushed) {
            taken.push(queue.next());
          }
        }
        queue.close();
        while (taken.length < pushed) {
          taken.push(queue.next());
        }
        const values = (await Promise.all(taken)).flatMap(({ value }) =>
          value ? [(value[0] ?? 0) * 256 + (value[1] ?? 0)] : [],
        );
        expect(values).toEqual(Array.from({ length: pushed }, (_, i) => i));
        expect(await queue.next()).toEqual({ done: true, value: undefined });
      }),
    );
  });

  it('stops the producer above its share and lets it go on below half of it', async () => {
    const { hooks, queue } = create();
    for (let i = 0; i < 20; i++) {
      queue.push(new Uint8Array(65_536));
    }
    expect(hooks.flow.mock.calls).toEqual([[false]]);
    for (let i = 0; i < 20; i++) {
      await queue.next();
    }
    expect(hooks.flow.mock.calls).toEqual([[false], [true]]);
  });

  it('follows its share', () => {
    const { hooks, queue } = create();
    queue.push(new Uint8Array(65_536));
    expect(hooks.flow).not.toHaveBeenCalled();
    hooks.share.bytes = 65_536;
    queue.push(new Uint8Array(1));
    expect(hooks.flow).toHaveBeenCalledWith(false);
  });

  it('counts what a chunk costs besides its bytes', () => {
    const { hooks, queue } = create();
    for (let i = 0; i < 3000; i++) {
      queue.push(new Uint8Array(1));
    }
    expect(hooks.flow).toHaveBeenCalledWith(false);
  });

  it('gives an error at once, and again', async () => {
    const { queue } = create();
    queue.push(new Uint8Array(1));
    queue.close(new Error('cut'));
    queue.close(new Error('later'));
    await expect(queue.next()).rejects.toThrow('cut');
    await expect(queue.next()).rejects.toThrow('cut');
    const waiting = create();
    const next = waiting.queue.next();
    waiting.queue.close(new Error('cut'));
    await expect(next).rejects.toThrow('cut');
  });

  it('reports silence only while somebody waits', () => {
    vi.useFakeTimers();
    const { hooks, queue } = create(100);
    void queue.next();
    vi.advanceTimersByTime(99);
    queue.push(new Uint8Array(1));
    vi.advanceTimersByTime(1000);
    expect(hooks.onIdle).not.toHaveBeenCalled();
    void queue.next();
    vi.advanceTimersByTime(100);
    expect(hooks.onIdle).toHaveBeenCalledTimes(1);
    queue.close();
    vi.useRealTimers();
  });
});
