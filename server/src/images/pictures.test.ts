import { describe, expect, it } from 'vitest';
import {
  ascii,
  box,
  counted,
  exif,
  fullBox,
  jpeg,
  jpegSegment,
  noise,
  png,
  pngChunk,
  repeated,
  scanBytes,
  sparse,
  u16,
  u32,
} from '../../test/fixtures/image-kit.ts';
import { fixtureBytes, fixtures } from '../../test/fixtures/index.ts';
import { createProber } from './prober.ts';

const prober = createProber();

async function inspect(bytes: Uint8Array, contentType: string) {
  const { content, count } = counted(bytes);
  return { facts: await prober.inspect(content, contentType), count };
}

async function errorOf(bytes: Uint8Array, contentType: string) {
  const { content, count } = counted(bytes);
  const code = await prober.inspect(content, contentType).then(
    () => 'none',
    (error) => error.code,
  );
  return { code, count };
}

describe('JPEG', () => {
  const app1 = (orientation: number, order?: 'II' | 'MM') =>
    jpegSegment(0xe1, Buffer.concat([ascii('Exif\0\0'), exif(orientation, order)]));

  it.each([
    [1, 'MM', 60, 40],
    [3, 'MM', 60, 40],
    [5, 'II', 40, 60],
    [6, 'MM', 40, 60],
    [8, 'II', 40, 60],
    [99, 'II', 60, 40],
  ] as const)('is shown as orientation %i (%s) says', async (orientation, order, width, height) => {
    const bytes = jpeg([app1(orientation, order)], scanBytes(100));
    expect((await inspect(bytes, 'image/jpeg')).facts).toMatchObject({ width, height });
    expect(prober.fromHead(bytes, 'image/jpeg')).toMatchObject({ width, height });
  });

  it('is not spoilt by a broken Exif block', async () => {
    const block = exif(6);
    block.writeUInt32BE(0xffff_fff0, 4);
    const segment = jpegSegment(0xe1, Buffer.concat([ascii('Exif\0\0'), block]));
    expect((await inspect(jpeg([segment], scanBytes(100)), 'image/jpeg')).facts).toMatchObject({
      width: 60,
      height: 40,
    });
  });

  it('may have fill bytes and garbage between its segments', async () => {
    const garbage = Buffer.concat([Buffer.alloc(300, 7), Buffer.of(0xff, 0xff, 0xff)]);
    expect(
      (await inspect(jpeg([app1(6), garbage, app1(1)], scanBytes(9)), 'image/jpeg')).facts.width,
    ).toBe(40);
  });

  it('may have megabytes of profiles and depth maps in front', async () => {
    const segments = Array.from({ length: 60 }, () => jpegSegment(0xe1, Buffer.alloc(65_000)));
    const { facts, count } = await inspect(jpeg(segments, scanBytes(100)), 'image/jpeg');
    expect(facts.width).toBe(60);
    expect(count.reads).toBeLessThan(70);
  });

  it('may have a video appended, as phones do', async () => {
    const bytes = Buffer.concat([
      jpeg([], scanBytes(50_000)),
      box('ftyp', ascii('mp42')),
      box('mdat', noise(300_000)),
    ]);
    expect((await inspect(bytes, 'image/jpeg')).facts.width).toBe(60);
    const still = Buffer.concat([jpeg([], scanBytes(50_000)), Buffer.alloc(200_000)]);
    expect((await inspect(still, 'image/jpeg')).facts.width).toBe(60);
  });

  it.each([
    ['a short one, in its scan', jpeg([], scanBytes(2000), Buffer.alloc(0))],
    ['a long one, in its scan', jpeg([], scanBytes(300_000), Buffer.alloc(0))],
    ['after its frame header', jpeg([], scanBytes(0), Buffer.alloc(0)).subarray(0, -10)],
    ['before its frame header', Buffer.concat([Buffer.of(0xff, 0xd8), app1(6)])],
    [
      'a thumbnail ends, not the picture',
      jpeg([jpegSegment(0xe1, jpeg([], scanBytes(9)))], scanBytes(500), Buffer.alloc(0)),
    ],
  ])('is refused when cut off: %s', async (_, bytes) => {
    expect((await errorOf(bytes, 'image/jpeg')).code).toBe('invalid_media');
  });

  it('reads a long one that was cut off no further than its end', async () => {
    const { count } = await errorOf(jpeg([], scanBytes(3_000_000), Buffer.alloc(0)), 'image/jpeg');
    expect(count.bytes).toBeLessThan(100_000);
  });

  it('is refused without a frame header', async () => {
    const scanOnly = Buffer.concat([
      Buffer.of(0xff, 0xd8),
      jpegSegment(0xda, Buffer.alloc(6)),
      scanBytes(50),
      Buffer.of(0xff, 0xd9),
    ]);
    expect((await errorOf(scanOnly, 'image/jpeg')).code).toBe('invalid_media');
    const garbage = Buffer.concat([Buffer.of(0xff, 0xd8), Buffer.alloc(1_000_000, 1)]);
    expect((await errorOf(garbage, 'image/jpeg')).count.bytes).toBeLessThan(32_768);
  });

  it('costs no more than the budget, whatever it announces', async () => {
    const endless = [repeated(jpegSegment(0xe2, Buffer.alloc(60_000)), 200)];
    const { code, count } = await errorOf(jpeg(endless, scanBytes(10)), 'image/jpeg');
    expect(code).toBe('unprocessable');
    expect(count.bytes).toBeLessThanOrEqual(8 * 1024 * 1024);
  });
});

describe('PNG', () => {
  it('is shown as its Exif chunk says', async () => {
    const bytes = png(300, 200, pngChunk('eXIf', exif(6)), pngChunk('IDAT', Buffer.alloc(9)));
    expect((await inspect(bytes, 'image/png')).facts).toMatchObject({ width: 200, height: 300 });
    expect(prober.fromHead(bytes, 'image/png')).toMatchObject({ width: 200, height: 300 });
    expect(prober.fromHead(bytes.subarray(0, 33), 'image/png')).toMatchObject({
      width: 300,
      height: 200,
    });
  });

  it('has a cap on pixels, checked before anything else', async () => {
    for (const [width, height] of [
      [100_000, 100_000],
      [0x7fff_ffff, 0x7fff_ffff],
      [16_384, 16_384],
    ] as const) {
      const { code, count } = await errorOf(
        png(width, height, pngChunk('IDAT', Buffer.alloc(2_000_000))),
        'image/png',
      );
      expect(code).toBe('unprocessable');
      expect(count.bytes).toBeLessThanOrEqual(16_384);
    }
    expect((await inspect(png(16_320, 12_240), 'image/png')).facts.width).toBe(16_320);
  });

  it('has a cap on frames', async () => {
    const animation = (frames: number) =>
      png(9, 9, pngChunk('acTL', Buffer.concat([u32(frames), u32(0)])));
    expect((await errorOf(animation(100_000), 'image/apng')).code).toBe('unprocessable');
    expect((await errorOf(animation(100), 'image/apng')).code).toBe('none');
  });

  it('is never inflated: a bomb in its text costs nothing', async () => {
    const bomb = pngChunk(
      'zTXt',
      Buffer.concat([ascii('Comment\0\0'), Buffer.alloc(5_000_000, 0x78)]),
    );
    const { facts, count } = await inspect(
      png(10, 10, bomb, pngChunk('IDAT', Buffer.alloc(9))),
      'image/png',
    );
    expect(facts.width).toBe(10);
    expect(count.bytes).toBeLessThan(32_768);
  });

  it('may have junk appended, and is refused without its end', async () => {
    const whole = png(10, 10, pngChunk('IDAT', noise(200_000)));
    for (const bytes of [30_000, 100_000, 5_000_000]) {
      expect((await errorOf(Buffer.concat([whole, noise(bytes)]), 'image/png')).code).toBe('none');
    }
    const small = repeated(pngChunk('IDAT', Buffer.alloc(100)), 9000);
    expect(
      (await errorOf(Buffer.concat([png(10, 10, small), noise(3_000_000)]), 'image/png')).code,
    ).toBe('none');
    expect((await errorOf(png(10, 10, small).subarray(0, -12), 'image/png')).code).toBe(
      'invalid_media',
    );
    expect((await errorOf(whole.subarray(0, -12), 'image/png')).code).toBe('invalid_media');
    expect((await errorOf(png(0, 10), 'image/png')).code).toBe('invalid_media');
  });
});

describe('GIF', () => {
  const start = Buffer.concat([ascii('GIF89a'), Buffer.of(64, 0, 32, 0, 0, 0, 0)]);
  const control = Buffer.of(0x21, 0xf9, 4, 0, 1, 0, 0, 0);
  const frame = (data: Uint8Array) =>
    Buffer.concat([
      control,
      Buffer.of(0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2),
      subBlocks(data),
      Buffer.of(0),
    ]);
  const gif = (...frames: readonly Uint8Array[]) =>
    Buffer.concat([start, ...frames, Buffer.of(0x3b)]);
  const many = (count: number, bytes: number) => repeated(frame(noise(bytes)), count);

  it('with 100,000 frames is refused without being read through', async () => {
    const { code, count } = await errorOf(gif(many(100_000, 2)), 'image/gif');
    expect(code).toBe('unprocessable');
    expect(count.bytes).toBeLessThan(512 * 1024);
  });

  it('with hundreds of frames is fine, and costs little', async () => {
    const { facts, count } = await inspect(gif(many(400, 8000)), 'image/gif');
    expect(facts).toMatchObject({ width: 64, height: 32 });
    expect(count.bytes).toBeLessThan(32_768);
    expect((await errorOf(gif(many(4000, 100)), 'image/gif')).code).toBe('none');
  });

  it('may lack its trailer or have something after it', async () => {
    const bytes = gif(many(3, 30_000));
    expect((await errorOf(bytes.subarray(0, -1), 'image/gif')).code).toBe('none');
    expect((await errorOf(Buffer.concat([bytes, Buffer.alloc(500, 1)]), 'image/gif')).code).toBe(
      'none',
    );
    expect(
      (await errorOf(Buffer.concat([gif(many(3, 30)), noise(100_000)]), 'image/gif')).code,
    ).toBe('none');
    expect(
      (await errorOf(Buffer.concat([bytes, Buffer.alloc(100_000, 1)]), 'image/gif')).code,
    ).toBe('none');
  });

  it('is refused when cut off in a frame', async () => {
    const bytes = gif(frame(Buffer.alloc(90_000, 7)));
    expect((await errorOf(bytes.subarray(0, 50_000), 'image/gif')).code).toBe('invalid_media');
    expect((await errorOf(bytes.subarray(0, 500), 'image/gif')).code).toBe('invalid_media');
  });

  it('takes bounded time when its blocks are tiny', async () => {
    const tiny = Buffer.concat([start, repeated(Buffer.of(0x21, 0xfe, 1, 7, 0), 200_000)]);
    const { count } = await errorOf(tiny, 'image/gif');
    expect(count.bytes).toBeLessThan(65_536);
  });
});

describe('WebP', () => {
  const chunk = (type: string, data: Uint8Array) =>
    Buffer.concat([ascii(type), u32le(data.length), data, Buffer.alloc(data.length % 2)]);
  const webp = (...chunks: readonly Uint8Array[]) => {
    const body = Buffer.concat([ascii('WEBP'), ...chunks]);
    return Buffer.concat([ascii('RIFF'), u32le(body.length), body]);
  };
  const canvas = (width: number, height: number, flags = 2) =>
    chunk(
      'VP8X',
      Buffer.concat([
        Buffer.of(flags, 0, 0, 0),
        u32le(width - 1).subarray(0, 3),
        u32le(height - 1).subarray(0, 3),
      ]),
    );

  it('tells the size of a lossless picture', async () => {
    const bits = (300 - 1) | ((200 - 1) << 14);
    const bytes = webp(
      chunk('VP8L', Buffer.concat([Buffer.of(0x2f), u32le(bits), Buffer.alloc(20)])),
    );
    expect((await inspect(bytes, 'image/webp')).facts).toMatchObject({ width: 300, height: 200 });
  });

  it('has caps on pixels and frames', async () => {
    expect((await errorOf(webp(canvas(16_777_216, 16_777_216)), 'image/webp')).code).toBe(
      'unprocessable',
    );
    const frames = (count: number) => repeated(chunk('ANMF', Buffer.alloc(40)), count);
    const { code, count } = await errorOf(webp(canvas(60, 40), frames(100_000)), 'image/webp');
    expect(code).toBe('unprocessable');
    expect(count.bytes).toBeLessThan(1024 * 1024);
    expect((await inspect(webp(canvas(60, 40), frames(300)), 'image/webp')).facts).toMatchObject({
      width: 60,
      height: 40,
    });
  });

  it('reads no more of large frames than their headers', async () => {
    const frames = Array.from({ length: 50 }, () => chunk('ANMF', Buffer.alloc(60_000)));
    const { count } = await inspect(webp(canvas(60, 40), ...frames), 'image/webp');
    expect(count.bytes).toBeLessThan(256 * 1024);
  });

  it('may be longer than it says, not shorter', async () => {
    const bytes = fixtureBytes(fixtures.webp);
    expect((await errorOf(Buffer.concat([bytes, noise(5000)]), 'image/webp')).code).toBe('none');
    expect((await errorOf(bytes.subarray(0, -2), 'image/webp')).code).toBe('invalid_media');
  });
});

describe('HEIC and AVIF', () => {
  const ispe = (width: number, height: number) => fullBox('ispe', 0, u32(width), u32(height));
  const heic = (properties: readonly Uint8Array[], associated: readonly number[], item = 7) =>
    Buffer.concat([
      box('ftyp', ascii('heic\0\0\0\0mif1heic')),
      fullBox(
        'meta',
        0,
        fullBox('hdlr', 0, Buffer.alloc(20)),
        fullBox('pitm', 0, u16(7)),
        box(
          'iprp',
          box('ipco', ...properties),
          fullBox(
            'ipma',
            0,
            u32(2),
            u16(1),
            Buffer.of(1, 0x81),
            u16(item),
            Buffer.of(associated.length, ...associated.map((i) => i | 0x80)),
          ),
        ),
      ),
      box('mdat', Buffer.alloc(5000)),
    ]);
  const thumbnail = ispe(9999, 9999);

  it('tells the size of the primary picture, as shown', async () => {
    const clap = box('clap', u32(380), u32(1), u32(290), u32(1), Buffer.alloc(16));
    const turn = (steps: number) => box('irot', Buffer.of(steps));
    const sizeOf = async (bytes: Buffer) =>
      Object.values((await inspect(bytes, 'image/heic')).facts).slice(0, 2);
    expect(await sizeOf(heic([thumbnail, ispe(400, 300)], [2]))).toEqual([400, 300]);
    expect(await sizeOf(heic([thumbnail, ispe(400, 300), turn(1)], [2, 3]))).toEqual([300, 400]);
    expect(await sizeOf(heic([thumbnail, ispe(400, 300), turn(2)], [2, 3]))).toEqual([400, 300]);
    expect(await sizeOf(heic([thumbnail, ispe(400, 300), clap, turn(3)], [2, 3, 4]))).toEqual([
      290, 380,
    ]);
    expect(
      prober.fromHead(heic([thumbnail, ispe(400, 300), turn(1)], [2, 3]), 'image/heic'),
    ).toMatchObject({
      width: 300,
      height: 400,
    });
  });

  it('is refused when it is too large, has no size, or is cut off', async () => {
    const code = async (bytes: Buffer) => (await errorOf(bytes, 'image/heic')).code;
    expect(await code(heic([thumbnail, ispe(60_000, 60_000)], [2]))).toBe('unprocessable');
    expect(await code(heic([thumbnail], [9]))).toBe('invalid_media');
    expect(await code(heic([thumbnail, ispe(0, 0)], [2]))).toBe('invalid_media');
    expect(await code(heic([thumbnail, ispe(40, 40)], [2], 8))).toBe('invalid_media');
    expect(await code(heic([thumbnail, ispe(40, 40)], [2]).subarray(0, -100))).toBe(
      'invalid_media',
    );
  });
});

describe('BMP and TIFF', () => {
  it('tell their sizes', async () => {
    const bmp = Buffer.concat([
      ascii('BM'),
      Buffer.alloc(12),
      u32le(40),
      u32le(30),
      u32le(-20 >>> 0),
      Buffer.alloc(30),
    ]);
    expect((await inspect(bmp, 'image/bmp')).facts).toMatchObject({ width: 30, height: 20 });
    const tags = [entry(0x100, 4, 640), entry(0x101, 4, 480), entry(0x112, 3, 8 << 16)];
    const tiff = Buffer.concat([
      ascii('MM'),
      u16(42),
      u32(500_000),
      Buffer.alloc(499_992),
      u16(tags.length),
      ...tags,
      u32(0),
    ]);
    const { facts, count } = await inspect(tiff, 'image/tiff');
    expect(facts).toMatchObject({ width: 480, height: 640 });
    expect(count.bytes).toBeLessThan(32_768);
  });

  const entry = (tag: number, type: number, value: number) =>
    Buffer.concat([u16(tag), u16(type), u32(1), u32(value)]);
});

describe('PDF', () => {
  const pdf = fixtureBytes(fixtures.pdf);

  it('may have padding after its end, and junk around it', async () => {
    for (const bytes of [
      Buffer.concat([pdf, Buffer.alloc(9000)]),
      Buffer.concat([pdf, ascii('\r\n\r\n'.repeat(700))]),
      Buffer.concat([ascii('HTTP junk\r\n\r\n'), pdf, noise(700)]),
    ]) {
      expect((await errorOf(bytes, 'application/pdf')).code).toBe('none');
    }
  });

  it('may end far from the end, or without an end mark', async () => {
    const [end, startxref] = [pdf.lastIndexOf('%%EOF'), pdf.lastIndexOf('startxref')];
    for (const bytes of [
      Buffer.concat([pdf, Buffer.alloc(2000, 'x')]),
      Buffer.concat([pdf, noise(5_000_000)]),
      Buffer.concat([noise(30_000), pdf]),
      pdf.subarray(0, end),
      pdf.subarray(0, startxref),
    ]) {
      expect((await errorOf(bytes, 'application/pdf')).code).toBe('none');
    }
  });

  it('finds a trailer that lies across the windows it looks through', async () => {
    const around = 16 * 1024 + 1024 * 1024;
    for (const shift of [0, 1, 2, 3, 4, 5, 6]) {
      const bytes = Buffer.concat([
        ascii('%PDF-1.4\n'),
        noise(70_000),
        ascii('/Root'),
        Buffer.alloc(around - shift, 'x'),
      ]);
      expect((await errorOf(bytes, 'application/pdf')).code, `${shift}`).toBe('none');
    }
  });

  it('is refused without a trailer or a header, or when it is shorter than it says', async () => {
    const linearized = ascii(
      '%PDF-1.4\n1 0 obj\n<</Linearized 1 /L 90000 /N 1>>\nendobj\ntrailer <</Root 2 0 R>>\n',
    );
    for (const bytes of [
      pdf.subarray(0, pdf.lastIndexOf('trailer')),
      pdf.subarray(9),
      Buffer.concat([pdf.subarray(0, 200), noise(5_000_000)]),
      Buffer.concat([linearized, noise(50_000)]),
    ]) {
      expect((await errorOf(bytes, 'application/pdf')).code).toBe('invalid_media');
    }
    expect(
      (await errorOf(Buffer.concat([linearized, noise(90_000)]), 'application/pdf')).code,
    ).toBe('none');
  });

  it('is not read through', async () => {
    const size = 900_000_000;
    const { content, count } = sparse(
      [
        { at: 0, bytes: pdf },
        { at: size - 300, bytes: ascii('trailer\n<</Root 1 0 R>>\nstartxref\n9\n%%EOF\n') },
      ],
      size,
    );
    await prober.inspect(content, 'application/pdf');
    expect(count.bytes).toBeLessThan(40_000);
    const odd = sparse([{ at: 0, bytes: pdf }], size);
    await prober.inspect(odd.content, 'application/pdf');
    expect(odd.count.bytes).toBeLessThan(32 * 1024 * 1024);
  });
});

function u32le(value: number): Buffer {
  return u32(value).reverse();
}

function subBlocks(data: Uint8Array): Buffer {
  const blocks: Uint8Array[] = [];
  for (let at = 0; at < data.length; at += 255) {
    blocks.push(Buffer.of(Math.min(255, data.length - at)), data.subarray(at, at + 255));
  }
  return Buffer.concat(blocks);
}
