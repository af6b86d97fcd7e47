import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { counted } from '../../test/fixtures/image-kit.ts';
import { type Fixture, fixtureBytes, fixtures } from '../../test/fixtures/index.ts';
import { isStowageError } from '../core/errors.ts';
import { noFacts } from '../core/prober.ts';
import { formats } from './formats.ts';
import { createProber } from './prober.ts';
import { walkHead } from './walk.ts';

const prober = createProber();
const all: readonly Fixture[] = Object.values(fixtures);
const media = all.filter(({ contentType }) => formats.has(contentType));
const pictures = media.filter(({ contentType }) => contentType.startsWith('image/'));
const mostBytesOfPicture = 24 * 1024;

describe('real files', () => {
  it.each(media)('$name: facts from headers and end', async (fixture) => {
    const { content, count } = counted(fixtureBytes(fixture));
    const { width, height, durationSeconds } = await prober.inspect(content, fixture.contentType);
    expect({ width, height }).toEqual({ width: fixture.width, height: fixture.height });
    if (fixture.durationSeconds === null) {
      expect(durationSeconds).toBeNull();
    } else {
      expect(durationSeconds).toBeCloseTo(fixture.durationSeconds, 3);
    }
    expect(count.bytes).toBeLessThanOrEqual(
      fixture.contentType.startsWith('image/') ? mostBytesOfPicture : 64 * 1024,
    );
    expect(count.reads).toBeLessThanOrEqual(4);
  });

  it.each(pictures)('$name: size from the first bytes', (fixture) => {
    const head = fixtureBytes(fixture).subarray(0, 4096);
    const { width, height } = fixture;
    expect(prober.fromHead(head, fixture.contentType)).toEqual({
      width,
      height,
      durationSeconds: null,
    });
  });

  it.each(media.filter(({ name }) => name !== 'gifar.gif'))(
    '$name: refused when cut off',
    async (fixture) => {
      const bytes = fixtureBytes(fixture);
      // Readers find everything in a PDF that lacks only its last lines.
      for (const part of fixture.contentType === 'application/pdf'
        ? [0, 0.01, 0.1, 0.5, 0.9]
        : [0, 0.01, 0.1, 0.5, 0.9, 0.97]) {
        const { content } = counted(bytes.subarray(0, Math.floor(part * bytes.length)));
        await expect(prober.inspect(content, fixture.contentType), `${part}`).rejects.toMatchObject(
          { code: 'invalid_media' },
        );
      }
    },
  );
});

it('has no facts of types that it does not know, and reads nothing of them', async () => {
  const { content, count } = counted(fixtureBytes(fixtures.html));
  expect(await prober.inspect(content, 'text/html')).toEqual(noFacts);
  expect(count.reads).toBe(0);
  expect(prober.fromHead(fixtureBytes(fixtures.html), 'text/html')).toEqual(noFacts);
  expect(prober.fromHead(fixtureBytes(fixtures.clip), 'video/mp4')).toEqual(noFacts);
});

it.each([...new Set(media.map(({ contentType }) => contentType))])(
  'refuses what is no %s',
  async (contentType) => {
    const { content } = counted(Buffer.alloc(4096, 'x'));
    await expect(prober.inspect(content, contentType)).rejects.toMatchObject({
      code: 'invalid_media',
    });
  },
);

it('passes on what reading throws', async () => {
  const broken = new Error('the disk is gone');
  const content = { size: 10_000, read: () => Promise.reject(broken) };
  await expect(prober.inspect(content, 'image/png')).rejects.toBe(broken);
});

it('does not call a file corrupt when the storage sends less than it holds', async () => {
  const bytes = fixtureBytes(fixtures.png);
  const content = {
    size: bytes.length,
    read: async (start: number, end: number) => bytes.subarray(start, end - 1),
  };
  await expect(prober.inspect(content, 'image/png')).rejects.toMatchObject({
    code: 'channel_unavailable',
  });
});

describe('damaged files', () => {
  const damaged = fc.constantFrom(...media).chain((fixture) => {
    const bytes = fixtureBytes(fixture);
    const flips = fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { maxLength: 12 });
    // A wrong byte has the greatest effect in headers.
    const headFlips = fc.array(fc.tuple(fc.nat(Math.min(1024, bytes.length) - 1), fc.nat(255)), {
      maxLength: 6,
    });
    const length = fc.oneof(fc.constant(bytes.length), fc.nat(bytes.length));
    return fc.record({ fixture: fc.constant(fixture), flips, headFlips, length });
  });

  it('give facts or a clear error, and cost little', async () => {
    await fc.assert(
      fc.asyncProperty(damaged, async ({ fixture, flips, headFlips, length }) => {
        const bytes = fixtureBytes(fixture);
        for (const [at, value] of [...flips, ...headFlips]) {
          bytes[at] = value;
        }
        const cut = bytes.subarray(0, length);
        const { content, count } = counted(cut);
        await expectFactsOrError(() => prober.inspect(content, fixture.contentType));
        expect(count.bytes).toBeLessThanOrEqual(4 * cut.length + 16 * 1024);
        expect(count.reads).toBeLessThanOrEqual(128);
        expect(() => prober.fromHead(cut, fixture.contentType)).not.toThrow();
      }),
      { numRuns: 1500 },
    );
  });

  it('never make it throw on the first bytes of anything', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...media),
        fc.uint8Array({ maxLength: 300 }),
        fc.nat(200),
        ({ contentType, ...fixture }, noise, keep) => {
          const head = Buffer.concat([
            fixtureBytes({ contentType, ...fixture }).subarray(0, keep),
            noise,
          ]);
          for (const format of formats.values()) {
            expectWalkToEnd(() => format.head && walkHead(format.head(), head));
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});

async function expectFactsOrError(inspect: () => Promise<unknown>): Promise<void> {
  try {
    expect(await inspect()).toHaveProperty('width');
  } catch (error) {
    if (!isStowageError(error, 'invalid_media') && !isStowageError(error, 'unprocessable')) {
      throw error;
    }
  }
}

/** `fromHead` hides mistakes of the walks. They show here. */
function expectWalkToEnd(run: () => unknown): void {
  try {
    run();
  } catch (error) {
    if (!isStowageError(error, 'invalid_media')) {
      throw error;
    }
  }
}
