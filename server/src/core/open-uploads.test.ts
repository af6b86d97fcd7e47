import { describe, expect, it } from 'vitest';
import { createOpenUploadLimit } from './open-uploads.ts';

const create = (max: number) => {
  const world = { open: 0, counted: 0, now: 0 };
  const limit = createOpenUploadLimit({
    max,
    now: () => world.now,
    count: async () => {
      world.counted++;
      return world.open;
    },
  });
  const start = async (): Promise<boolean> => {
    const isAllowed = await limit.admits('owner');
    if (isAllowed) world.open++;
    return isAllowed;
  };
  return { world, start };
};

describe('createOpenUploadLimit', () => {
  it.each([1, 2, 3, 10, 1000])('lets exactly %i begin, and counts a few times only', async (max) => {
    const { world, start } = create(max);
    for (let index = 0; index < max; index++) expect(await start()).toBe(true);
    expect(await start()).toBe(false);
    expect(world.counted).toBeLessThan(3 + 2 * Math.log2(max));
  });

  it('lets one more begin when one has ended', async () => {
    const { world, start } = create(2);
    await start();
    await start();
    expect(await start()).toBe(false);
    world.open--;
    expect(await start()).toBe(true);
    expect(await start()).toBe(false);
  });

  it('counts again after a while, for the sake of other nodes', async () => {
    const { world, start } = create(100);
    await start();
    world.open = 100;
    world.now += 5000;
    expect(await start()).toBe(false);
  });
});
