/**
 * The media type of the formats that nearly all uploads have, detected by their first bytes;
 * undefined for anything else. Stricter than a prefix where the prefix could be text.
 */
export function magicType(head: Uint8Array): string | undefined {
  switch (head[0]) {
    case 0xff:
      return head[1] === 0xd8 && head[2] === 0xff ? 'image/jpeg' : undefined;
    case 0x89:
      return startsWith(head, '\x89PNG\r\n\x1a\n') ? 'image/png' : undefined;
    case 0x47:
      return startsWith(head, 'GIF87a') || startsWith(head, 'GIF89a') ? 'image/gif' : undefined;
    case 0x52:
      return startsWith(head, 'RIFF') ? riffTypes.get(ascii(head, 8, 12)) : undefined;
    case 0x25:
      return startsWith(head, '%PDF-') ? 'application/pdf' : undefined;
    case 0x42:
      return isBitmap(head) ? 'image/bmp' : undefined;
    case 0x66:
      return startsWith(head, 'fLaC') ? 'audio/flac' : undefined;
    default:
      return isoType(head);
  }
}

const riffTypes: ReadonlyMap<string, string> = new Map([
  ['WEBP', 'image/webp'],
  ['WAVE', 'audio/wav'],
  ['AVI ', 'video/x-msvideo'],
]);

// "BM" alone begins many texts. The size of the second header decides.
function isBitmap(head: Uint8Array): boolean {
  return (
    head[1] === 0x4d &&
    bitmapHeaders.has(head[14] ?? 0) &&
    head[15] === 0 &&
    head[16] === 0 &&
    head[17] === 0
  );
}

const bitmapHeaders: ReadonlySet<number> = new Set([12, 16, 40, 52, 56, 64, 108, 124]);

/**
 * ISO base media: the `ftyp` box (ISO 14496-12 4.3). Some old and unusual writers put padding in
 * front of it, and QuickTime omitted it.
 */
function isoType(head: Uint8Array): string | undefined {
  for (let at = 0; at + 8 <= head.length; ) {
    const type = ascii(head, at + 4, at + 8);
    if (type === 'ftyp') {
      return brandType(head.subarray(at));
    }
    const bytes = u32(head, at);
    if (bytes === undefined || bytes >= 0x2000_0000) {
      return undefined;
    }
    if (type === 'moov' || type === 'mdat') {
      return 'video/quicktime';
    }
    if (!paddings.has(type) || bytes < 8) {
      return undefined;
    }
    at += bytes;
  }
  return undefined;
}

const paddings: ReadonlySet<string> = new Set(['free', 'skip', 'wide', 'uuid', 'pnot', 'pdin']);

/** By the major brand. A generic one leaves the choice to the compatible brands. */
function brandType(head: Uint8Array): string | undefined {
  const boxBytes = u32(head, 0) ?? 0;
  const major = ascii(head, 8, 12);
  const compatible: string[] = [];
  for (let at = 16; at + 4 <= Math.min(boxBytes, head.length, 256); at += 4) {
    compatible.push(ascii(head, at, at + 4));
  }
  const types = compatible.map((brand) => brandTypes.get(brand));
  const own = brandTypes.get(major);
  // A picture of any codec may have the generic brand as its major brand.
  if (own === 'image/heif') {
    return types.includes('image/avif') ? 'image/avif' : own;
  }
  if (own === 'video/quicktime' && types.includes('video/mp4')) {
    return 'video/mp4';
  }
  if (own !== undefined) {
    return own;
  }
  return types.find((type) => type !== undefined && type !== 'video/quicktime');
}

const brandTypes: ReadonlyMap<string, string> = new Map([
  ...entries('image/avif', 'avif avis'),
  ...entries('image/heic', 'heic heix hevc hevx heim heis hevm hevs'),
  ...entries('image/heif', 'mif1 mif2 msf1 miaf heif MiHB MiHE MiHA MiPr 1pic'),
  ...entries('video/quicktime', 'qt  '),
  ...entries('audio/mp4', 'M4A  M4B  M4P  F4A  F4B '),
  ...entries('video/3gpp', '3gp1 3gp2 3gp3 3gp4 3gp5 3gp6 3gp7 3gp8 3gp9 3ge6 3ge7 3gg6 3gs7'),
  ...entries(
    'video/mp4',
    'isom iso1 iso2 iso3 iso4 iso5 iso6 iso7 iso8 iso9 isoa isob isoc mp41 mp42 mp71 mp4v avc1 avc3 hvc1 hev1 av01 vp09 dby1 dash msdh M4V  M4VH M4VP F4V  f4v  MSNV mmp4 cmfc cmf2 isml piff XAVC caqv CAEP NDSC NDXC NDSH NDXH FACE',
  ),
]);

function entries(type: string, brands: string): [string, string][] {
  return (brands.match(/.{4} ?/g) ?? []).map((brand) => [brand.slice(0, 4), type]);
}

function u32(head: Uint8Array, at: number): number | undefined {
  return at + 4 > head.length
    ? undefined
    : Buffer.from(head.buffer, head.byteOffset, head.byteLength).readUInt32BE(at);
}

function startsWith(head: Uint8Array, prefix: string): boolean {
  return ascii(head, 0, prefix.length) === prefix;
}

function ascii(head: Uint8Array, start: number, end: number): string {
  let text = '';
  for (let at = start; at < end; at++) {
    text += String.fromCharCode(head[at] ?? 0);
  }
  return text;
}
