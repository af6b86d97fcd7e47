import { describe, expect, it } from 'vitest';
import {
  ascii,
  box,
  counted,
  fullBox,
  repeated,
  sparse,
  u16,
  u32,
  u64,
} from '../../test/fixtures/image-kit.ts';
import { fixtureBytes, fixtures } from '../../test/fixtures/index.ts';
import { createProber } from './prober.ts';

const prober = createProber();
const ftyp = box('ftyp', ascii('isom\0\0\0\0isom'));

interface TrackOptions {
  readonly kind?: string;
  readonly width?: number;
  readonly height?: number;
  readonly turned?: boolean;
  readonly coded?: readonly [number, number];
}

function track({
  kind = 'vide',
  width = 640,
  height = 360,
  turned = false,
  coded = [0, 0],
}: TrackOptions): Buffer {
  const one = 0x10000;
  const [a, b, c, d] = turned ? [0, one, one, 0] : [one, 0, 0, one];
  const matrix = [a, b, 0, c, d, 0, 0, 0, 0x4000_0000].map((value) => u32(value ?? 0));
  const tkhd = fullBox(
    'tkhd',
    0,
    Buffer.alloc(8),
    u32(1),
    Buffer.alloc(24),
    ...matrix,
    u16(width),
    u16(0),
    u16(height),
    u16(0),
  );
  const entry = box('avc1', Buffer.alloc(24), u16(coded[0]), u16(coded[1]), Buffer.alloc(50));
  const sampleTable = box(
    'stbl',
    fullBox('stsd', 0, u32(1), entry),
    fullBox('stsz', 0, Buffer.alloc(100_000)),
  );
  const mdhd = fullBox('mdhd', 0, Buffer.alloc(8), u32(1000), u32(0), u32(0));
  return box(
    'trak',
    tkhd,
    box(
      'mdia',
      mdhd,
      fullBox('hdlr', 0, u32(0), ascii(kind), Buffer.alloc(13)),
      box('minf', sampleTable),
    ),
  );
}

function mvhd(ticks: number): Buffer {
  return fullBox('mvhd', 0, Buffer.alloc(8), u32(1000), u32(ticks), Buffer.alloc(80));
}

async function inspect(bytes: Uint8Array, contentType = 'video/mp4') {
  return prober.inspect(counted(bytes).content, contentType);
}

describe('MP4', () => {
  const moov = box('moov', mvhd(90_500), track({ kind: 'soun', width: 0, height: 0 }), track({}));
  const facts = { width: 640, height: 360, durationSeconds: 90.5 };

  it('of 500 MB and more is not read through, wherever its moov lies', async () => {
    const bytes = 6_000_000_000;
    const large = Buffer.concat([u32(1), ascii('mdat'), u64(bytes)]);
    const atEnd = sparse(
      [
        { at: 0, bytes: Buffer.concat([ftyp, large]) },
        { at: ftyp.length + bytes, bytes: moov },
      ],
      ftyp.length + bytes + moov.length,
    );
    expect(await prober.inspect(atEnd.content, 'video/mp4')).toEqual(facts);
    expect(atEnd.count.bytes).toBeLessThan(256 * 1024);
    expect(atEnd.count.reads).toBeLessThan(10);
    const front = Buffer.concat([ftyp, moov, large]);
    const inFront = sparse([{ at: 0, bytes: front }], ftyp.length + moov.length + bytes);
    expect(await prober.inspect(inFront.content, 'video/quicktime')).toEqual(facts);
    expect(inFront.count.bytes).toBeLessThan(256 * 1024);
  });

  it('is shown as its matrix says, in the size of its header or else of its samples', async () => {
    const sizeOf = async (options: TrackOptions) => {
      const { width, height } = await inspect(
        Buffer.concat([ftyp, box('moov', mvhd(1000), track(options))]),
      );
      return [width, height];
    };
    expect(await sizeOf({ turned: true })).toEqual([360, 640]);
    expect(await sizeOf({ width: 1024, height: 576, coded: [720, 576] })).toEqual([1024, 576]);
    expect(await sizeOf({ width: 0, height: 0, coded: [720, 576] })).toEqual([720, 576]);
    expect(await sizeOf({ kind: 'soun' })).toEqual([null, null]);
  });

  it('reads times of 64 bits, and none that are unknown', async () => {
    const long = fullBox('mvhd', 1, Buffer.alloc(16), u32(600), u64(3_600_000), Buffer.alloc(80));
    expect(
      (await inspect(Buffer.concat([ftyp, box('moov', long, track({}))]))).durationSeconds,
    ).toBe(6000);
    expect(
      (await inspect(Buffer.concat([ftyp, box('moov', mvhd(0xffff_ffff), track({}))])))
        .durationSeconds,
    ).toBeNull();
  });

  it.each([
    ['no moov', Buffer.concat([ftyp, box('mdat', Buffer.alloc(5000))])],
    ['cut in moov', Buffer.concat([ftyp, moov]).subarray(0, -1)],
    ['cut in mdat', Buffer.concat([ftyp, moov, box('mdat', Buffer.alloc(5000))]).subarray(0, -1)],
    ['cut before moov', Buffer.concat([ftyp, box('mdat', Buffer.alloc(5000))]).subarray(0, -1)],
    ['nothing', ftyp],
  ])('is refused: %s', async (_, bytes) => {
    await expect(inspect(bytes)).rejects.toMatchObject({ code: 'invalid_media' });
  });

  it('may have junk at its end', async () => {
    for (const junk of [
      Buffer.alloc(4),
      Buffer.alloc(3000),
      Buffer.alloc(3000, 0xee),
      ascii('PK\x03\x04 and so on'),
    ]) {
      expect(
        await inspect(Buffer.concat([ftyp, box('mdat', Buffer.alloc(99)), moov, junk])),
      ).toEqual(facts);
    }
  });

  it('costs no more than the budget, however its boxes are nested or counted', async () => {
    const tiny = repeated(box('free'), 100_000);
    for (const bytes of [
      Buffer.concat([ftyp, tiny, moov]),
      Buffer.concat([ftyp, box('moov', tiny, mvhd(1), track({}))]),
      Buffer.concat([ftyp, box('moov', repeated(track({ width: 0, height: 0 }), 200))]),
    ]) {
      const { content, count } = counted(bytes);
      const started = performance.now();
      await prober
        .inspect(content, 'video/mp4')
        .catch((error) => expect(error.code).toMatch(/invalid_media|unprocessable/));
      expect(performance.now() - started).toBeLessThan(2000);
      expect(count.bytes).toBeLessThan(8 * 1024 * 1024);
    }
  });
});

describe('fragmented MP4', () => {
  const fragment = (start: number, samples: number, ticks = 100) =>
    Buffer.concat([
      box(
        'moof',
        fullBox('mfhd', 0, u32(1)),
        box(
          'traf',
          box('tfhd', u32(0x08), u32(1), u32(ticks)),
          fullBox('tfdt', 1, u64(start)),
          fullBox('trun', 0, u32(samples)),
        ),
      ),
      box('mdat', Buffer.alloc(2000)),
    ]);
  const extension = (...more: readonly Uint8Array[]) =>
    box('mvex', ...more, fullBox('trex', 0, u32(1), Buffer.alloc(16)));
  const movie = (...more: readonly Uint8Array[]) =>
    Buffer.concat([ftyp, box('moov', mvhd(0), track({}), extension(...more))]);
  const secondsOf = async (bytes: Uint8Array) => (await inspect(bytes)).durationSeconds;

  it('tells its duration in its header, an index or its last fragment', async () => {
    expect(
      await secondsOf(Buffer.concat([movie(fullBox('mehd', 0, u32(7000))), fragment(0, 20)])),
    ).toBe(7);
    expect(await secondsOf(Buffer.concat([movie(), fragment(0, 20), fragment(2000, 5)]))).toBe(2.5);
    const references = [2000, 500].flatMap((ticks) => [u32(100), u32(ticks), u32(0)]);
    const sidx = fullBox(
      'sidx',
      0,
      u32(1),
      u32(1000),
      u32(0),
      u32(0),
      u16(0),
      u16(2),
      ...references,
    );
    expect(
      await secondsOf(Buffer.concat([movie(), sidx, fragment(0, 20), fragment(2000, 5)])),
    ).toBe(2.5);
  });

  it('may begin in the movie box, or late, as live recordings do', async () => {
    const own = Buffer.concat([ftyp, box('moov', mvhd(2000), track({}), extension())]);
    expect(await secondsOf(Buffer.concat([own, fragment(2000, 5)]))).toBe(2.5);
    expect(
      await secondsOf(Buffer.concat([movie(), fragment(900_000, 20), fragment(902_000, 20)])),
    ).toBe(4);
  });

  it('adds up samples of different lengths', async () => {
    const run = box(
      'trun',
      u32(0x300),
      u32(3),
      ...[10, 20, 30].flatMap((ticks) => [u32(ticks), u32(999)]),
    );
    const moof = box(
      'moof',
      box('traf', box('tfhd', u32(0), u32(1)), fullBox('tfdt', 0, u32(1000)), run),
    );
    expect(await secondsOf(Buffer.concat([movie(), moof, box('mdat')]))).toBeCloseTo(0.06, 6);
  });

  it('takes the index at the end of a long one, and else does not read it through', async () => {
    const head = movie();
    const fragments = Buffer.concat(
      Array.from({ length: 300 }, (_, index) => fragment(2000 * index, 20)),
    );
    const last = head.length + fragments.length - fragment(0, 0).length;
    const tfra = fullBox('tfra', 1, u32(1), u32(0), u32(1), u64(0), u64(last), Buffer.of(1, 1, 1));
    const mfra = box('mfra', tfra, fullBox('mfro', 0, u32(tfra.length + 24)));
    const indexed = counted(Buffer.concat([head, fragments, mfra]));
    expect((await prober.inspect(indexed.content, 'video/mp4')).durationSeconds).toBe(600);
    expect(indexed.count.bytes).toBeLessThan(256 * 1024);
    const plain = counted(Buffer.concat([head, fragments]));
    expect((await prober.inspect(plain.content, 'video/mp4')).durationSeconds).toBeNull();
    expect(plain.count.reads).toBeLessThan(80);
  });

  it('is refused when cut off in its last fragment', async () => {
    const bytes = Buffer.concat([movie(), fragment(0, 20), fragment(2000, 5)]);
    await expect(inspect(bytes.subarray(0, -1))).rejects.toMatchObject({ code: 'invalid_media' });
    const real = fixtureBytes(fixtures.clipFragmented);
    await expect(inspect(real.subarray(0, real.length - 400))).rejects.toMatchObject({
      code: 'invalid_media',
    });
  });
});
