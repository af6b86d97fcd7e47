import { expect, it } from 'vitest';
import { nothing } from '../streams/body.ts';
import { createResourceFetch } from './fetch-resource.ts';

const { signal } = new AbortController();

it('fetches so many at once, and gives the place of a failed or closed one to the next', async () => {
  const fetch = {
    async open(url: string) {
      if (url === 'broken') {
        throw new Error('broken');
      }
      return { size: undefined, source: nothing(), close: () => undefined };
    },
  };
  const resources = createResourceFetch({ fetch, maxBytes: 1, maxAtOnce: 2 });
  const first = await resources.open('one', signal);
  await expect(resources.open('broken', signal)).rejects.toThrow('broken');
  await resources.open('two', signal);
  await expect(resources.open('three', signal)).rejects.toMatchObject({
    code: 'rate_limit_exceeded',
  });
  first.close();
  first.close();
  await resources.open('three', signal);
  await expect(resources.open('four', signal)).rejects.toMatchObject({
    code: 'rate_limit_exceeded',
  });
});
