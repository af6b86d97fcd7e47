import { expect } from 'vitest';
import type { Channel, ListedObject } from '../../../src/core/channel.ts';
import type { ChannelCase } from './subject.ts';

async function listed({ list }: Channel): Promise<readonly ListedObject[]> {
  return Array.fromAsync(list?.() ?? []);
}

export const listCases: readonly ChannelCase[] = [
  {
    name: 'size: of a stored object, not_found of one that is gone',
    needs: 'size',
    run: async ({ channel, put, sample }) => {
      const { ref } = await put(sample(1234));
      expect(await channel.size?.(ref)).toBe(1234);
      await channel.delete(ref, { signal: new AbortController().signal });
      await expect(channel.size?.(ref)).rejects.toMatchObject({ code: 'not_found' });
      await expect(channel.size?.({ no: 'ref' })).rejects.toMatchObject({ code: 'not_found' });
    },
  },
  {
    name: 'list: every confirmed object once, with its size and time, none that is gone',
    needs: 'list',
    run: async ({ channel, put, sample }) => {
      const before = (await listed(channel)).length;
      const from = Date.now() - 2000;
      const stored = [await put(sample(10)), await put(sample(20)), await put(sample(30))];
      expect(await listed(channel)).toHaveLength(before);
      for (const { ref } of stored) {
        await channel.settle?.(ref);
      }
      const [first] = stored;
      if (first) {
        await channel.delete(first.ref, { signal: new AbortController().signal });
      }
      const after = await listed(channel);
      expect(after).toHaveLength(before + 2);
      for (const { ref, size } of stored.slice(1)) {
        expect(after).toContainEqual({
          ref,
          size,
          storedAt: expect.toSatisfy((at: number) => at > from && at < Date.now() + 2000),
        });
      }
    },
  },
];
