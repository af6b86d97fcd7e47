import { expect } from 'vitest';
import type { Multipart } from '../src/core/channel.ts';
import { fail } from '../src/core/errors.ts';
import { bytesBody } from '../src/core/streams/body.ts';
import { readAll } from '../src/core/streams/peek.ts';
import { type WatchedChannel, watchedChannel } from './core-world.ts';

export interface PartsLimits {
  readonly partBytes: number;
  readonly aboveBytes?: number;
  readonly maxParts?: number;
}

/** A channel with a multipart upload in memory. Methods may be replaced in the midst of a test. */
export function partsChannel({
  partBytes,
  aboveBytes = 2 * partBytes,
  maxParts = 10_000,
}: PartsLimits) {
  const inner = watchedChannel();
  const open = new Map<string, Buffer[]>();
  const events: string[] = [];
  const partsOf = (state: unknown): Buffer[] => {
    const parts = open.get(String(state));
    if (parts === undefined) {
      throw fail('not_found');
    }
    return parts;
  };
  const multipart = {
    limits: {
      minPart: 1,
      maxPart: 1e6,
      maxParts,
      split: { aboveBytes, partBytes, parallel: 3 },
    },
    async start({ key, contentType }) {
      const state = JSON.stringify({ key, contentType, at: events.length });
      open.set(state, []);
      events.push('start');
      return state;
    },
    async part(state, number, body) {
      const bytes = await readAll(body.open());
      partsOf(state)[number - 1] = bytes;
      events.push(`part ${number}`);
      return { number };
    },
    async finish(state, sent, { signal }) {
      const parts = partsOf(state);
      expect(sent.map(({ number }) => number)).toEqual(parts.map((_, at) => at + 1));
      expect(parts.slice(0, -1).every(({ length }) => length === parts[0]?.length)).toBe(true);
      const { key, contentType } = JSON.parse(String(state));
      const put = await channel.put(bytesBody(Buffer.concat(parts)), { key, contentType, signal });
      events.push(`finish ${parts.length}`);
      open.delete(String(state));
      return put;
    },
    async abort(state) {
      events.push('abort');
      open.delete(String(state));
    },
  } satisfies Multipart;
  const channel: WatchedChannel & { multipart: Multipart } = Object.assign(inner, {
    remote: true,
    multipart,
  });
  return {
    channel,
    multipart: channel.multipart as { -readonly [K in keyof Multipart]: Multipart[K] },
    open,
    events,
  };
}
