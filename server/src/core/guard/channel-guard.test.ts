import { describe, expect, it } from 'vitest';
import type { ByteSource } from '../bytes.ts';
import type { Channel, Multipart } from '../channel.ts';
import { fail } from '../errors.ts';
import { bytesBody, streamBody } from '../streams/body.ts';
import { readAll } from '../streams/peek.ts';
import { guardChannel } from './channel-guard.ts';
import { createCircuitBreaker } from './circuit-breaker.ts';

const signal = new AbortController().signal;

function channel(own: Partial<Channel>): Channel {
  return {
    limits: {},
    remote: true,
    put: async (body) => ({ ref: 'r', size: (await readAll(body.open())).length }),
    get: async () => ({ stream: bytes('abc'), size: 3 }),
    delete: async () => {},
    check: async () => {},
    ...own,
  };
}

async function* bytes(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) {
    yield Buffer.from(text);
  }
}

function guard(
  own: Partial<Channel>,
  options: {
    callTimeoutMs?: number;
    idleTimeoutMs?: number;
    maxConcurrent?: number;
    threshold?: number;
  } = {},
) {
  let at = 0;
  const seen: string[] = [];
  const breaker = createCircuitBreaker({
    threshold: options.threshold ?? 100,
    openMs: 1000,
    now: () => at,
  });
  const guarded = guardChannel(channel(own), {
    callTimeoutMs: options.callTimeoutMs ?? 1000,
    idleTimeoutMs: options.idleTimeoutMs ?? 1000,
    maxConcurrent: options.maxConcurrent ?? 10,
    breaker,
    observe: (operation, outcome) => seen.push(`${operation} ${outcome}`),
  });
  return { guarded, seen, breaker, pass: (ms: number) => (at += ms) };
}

const never = <T>(): Promise<T> => new Promise(() => {});

describe('channel guard', () => {
  it('repeats calls without a body while they fail passingly, and tells each outcome', async () => {
    let calls = 0;
    const { guarded, seen } = guard({
      delete: async () => {
        if (++calls < 3) {
          throw fail('channel_unavailable');
        }
      },
    });
    await guarded.delete('r', { signal });
    expect(calls).toBe(3);
    expect(seen).toEqual(['delete channel_unavailable', 'delete channel_unavailable', 'delete ok']);
  });

  it('never repeats a put of a live stream, nor what will not get better', async () => {
    let puts = 0;
    let deletes = 0;
    const { guarded } = guard({
      put: async () => {
        puts++;
        throw fail('channel_unavailable');
      },
      delete: async () => {
        deletes++;
        throw fail('channel_refused');
      },
    });
    await expect(
      guarded.put(streamBody(bytes('a')), { key: 'k', contentType: 'x/y', signal }),
    ).rejects.toMatchObject({
      code: 'channel_unavailable',
    });
    await expect(guarded.delete('r', { signal })).rejects.toMatchObject({
      code: 'channel_refused',
    });
    expect([puts, deletes]).toEqual([1, 1]);
  });

  it('sends a body anew while it fails passingly, from its first byte on', async () => {
    const got: string[] = [];
    const { guarded, seen } = guard({
      put: async (body) => {
        if (got.length < 2) {
          const { value } = await body.open()[Symbol.asyncIterator]().next();
          got.push(String(value));
          throw fail('channel_unavailable');
        }
        const whole = await readAll(body.open());
        got.push(whole.toString());
        return { ref: 'r', size: whole.length };
      },
    });
    const body = { open: () => bytes('ab', 'c'), size: 3 };
    const put = guarded.put(body, { key: 'k', contentType: 'x/y', signal });
    expect(await put).toEqual({ ref: 'r', size: 3 });
    expect(got).toEqual(['ab', 'ab', 'abc']);
    expect(seen).toEqual(['put channel_unavailable', 'put channel_unavailable', 'put ok']);
  });

  it('sends a part anew as well', async () => {
    let parts = 0;
    const part: Multipart['part'] = async (_state, _number, body) => {
      const whole = await readAll(body.open());
      if (++parts < 2) {
        throw fail('channel_unavailable');
      }
      return whole.toString();
    };
    const { guarded } = guard({ multipart: { part } as Multipart });
    expect(await guarded.multipart?.part('s', 1, bytesBody(Buffer.from('abc')), { signal })).toBe(
      'abc',
    );
    const live = streamBody(bytes('abc'), { size: 3 });
    parts = 0;
    await expect(guarded.multipart?.part('s', 1, live, { signal })).rejects.toMatchObject({
      code: 'channel_unavailable',
    });
    expect(parts).toBe(1);
  });

  it('does not repeat what the body itself has failed with', async () => {
    const error = fail('channel_unavailable', { message: 'The other copy cannot be read.' });
    let opened = 0;
    async function* broken(): AsyncGenerator<Uint8Array> {
      opened++;
      yield Buffer.from('a');
      throw error;
    }
    const { guarded } = guard({});
    const put = guarded.put({ open: broken }, { key: 'k', contentType: 'x/y', signal });
    await expect(put).rejects.toBe(error);
    expect(opened).toBe(1);
  });

  it('removes what was kept only in part and sends it again; names what cannot be removed', async () => {
    let puts = 0;
    const leftOver: unknown[] = [];
    const { guarded } = guard({
      put: async (body) => {
        const { length } = await readAll(body.open());
        puts++;
        return { ref: puts, size: puts < 3 ? length - 1 : length };
      },
      delete: async (ref) => {
        if (ref === 2) {
          throw fail('channel_refused');
        }
      },
    });
    const options = { key: 'k', contentType: 'x/y', signal };
    const onLeftOver = (ref: unknown) => leftOver.push(ref);
    const put = guarded.put({ open: () => bytes('abc') }, { ...options, onLeftOver });
    expect(await put).toEqual({ ref: 3, size: 3 });
    expect(leftOver).toEqual([2]);
  });

  it('gives up on a silent backend, even one that ignores the abort', async () => {
    const { guarded } = guard({ check: never }, { callTimeoutMs: 20 });
    await expect(guarded.check({ signal })).rejects.toMatchObject({ code: 'channel_unavailable' });
  });

  it('lets a put wait its turn for long, but not fall silent once bytes move', async () => {
    const { guarded } = guard(
      {
        put: async (body) => {
          await new Promise((resolve) => setTimeout(resolve, 80));
          return { ref: 'r', size: (await readAll(body.open())).length };
        },
      },
      { idleTimeoutMs: 30 },
    );
    await expect(
      guarded.put(streamBody(bytes('abc')), { key: 'k', contentType: 'x/y', signal }),
    ).resolves.toEqual({ ref: 'r', size: 3 });

    const silent = guard(
      {
        put: async (body) => {
          await readAll(body.open());
          return never();
        },
      },
      { idleTimeoutMs: 30 },
    );
    await expect(
      silent.guarded.put(streamBody(bytes('abc')), { key: 'k', contentType: 'x/y', signal }),
    ).rejects.toMatchObject({
      code: 'channel_unavailable',
    });
  });

  it('watches a stream while it waits for the backend, not while the reader is slow', async () => {
    async function* stalls(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('a');
      await never();
    }
    const { guarded } = guard(
      { get: async () => ({ stream: stalls(), size: 2 }) },
      { idleTimeoutMs: 30 },
    );
    const { stream } = await guarded.get('r', { signal });
    const iterator = stream[Symbol.asyncIterator]();
    await iterator.next();
    await new Promise((resolve) => setTimeout(resolve, 60));
    await expect(iterator.next()).rejects.toMatchObject({ code: 'channel_unavailable' });
  });

  it('stops the remote read when the reader leaves early', async () => {
    let stopped = false;
    const endless: ByteSource = {
      [Symbol.asyncIterator]: () => ({
        next: async () => ({ done: false, value: Buffer.from('a') }),
        return: async () => {
          stopped = true;
          return { done: true, value: undefined };
        },
      }),
    };
    const { guarded } = guard({ get: async () => ({ stream: endless, size: 100 }) });
    for await (const _chunk of (await guarded.get('r', { signal })).stream) {
      break;
    }
    expect(stopped).toBe(true);
  });

  it('runs no more at once than allowed, in order', async () => {
    let running = 0;
    let most = 0;
    const { guarded } = guard(
      {
        check: async () => {
          most = Math.max(most, ++running);
          await new Promise(setImmediate);
          running--;
        },
      },
      { maxConcurrent: 3 },
    );
    await Promise.all(Array.from({ length: 20 }, () => guarded.check({ signal })));
    expect(most).toBe(3);
  });

  it('opens the circuit after repeated failures, probes once, and closes it again', async () => {
    let healthy = false;
    let calls = 0;
    const { guarded, breaker, pass } = guard(
      {
        check: async () => {
          calls++;
          if (!healthy) {
            throw fail('channel_unavailable');
          }
        },
      },
      { threshold: 3 },
    );
    for (let at = 0; at < 3; at++) {
      await expect(guarded.check({ signal })).rejects.toThrow();
    }
    expect(breaker.state()).toBe('open');
    await expect(guarded.check({ signal })).rejects.toMatchObject({ code: 'service_unavailable' });
    expect(calls).toBe(3);
    pass(1000);
    healthy = true;
    await guarded.check({ signal });
    expect(breaker.state()).toBe('closed');
  });

  it('passes an abort on with its own reason', async () => {
    const stop = new AbortController();
    const { guarded } = guard({ check: never });
    const call = guarded.check({ signal: stop.signal });
    stop.abort(fail('client_closed'));
    await expect(call).rejects.toMatchObject({ code: 'client_closed' });
  });
});
