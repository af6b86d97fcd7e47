/**
 * The media type of the formats that nearly all uploads have, told from their first bytes; undefined for anything else. Stricter than a
 * mere prefix where the prefix could be text.
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
      return ascii(head, 4, 8) === 'ftyp' ? brandType(head) : undefined;
  }
}

const riffTypes: ReadonlyMap<string, string> = new Map([
  ['WEBP', 'image/webp'],
  ['WAVE', 'audio/wav'],
  ['AVI ', 'video/x-msvideo'],
]);

// "BM" alone begins many a text: the size of the second header tells.
function isBitmap(head: Uint8Array): boolean {
  return head[1] === 0x4d && bitmapHeaders.has(head[14] ?? 0) && head[15] === 0 && head[16] === 0 && head[17] === 0;
}

const bitmapHeaders: ReadonlySet<number> = new Set([12, 16, 40, 52, 56, 64, 108, 124]);

/** ISO base media: the brands of the `ftyp` box (ISO 14496-12 4.3), the major one first, then the compatible ones. */
function brandType(head: Uint8Array): string | undefined {
  const boxBytes = (head[2] ?? 0) * 256 + (head[3] ?? 0);
  const major = ascii(head, 8, 12);
  if (major !== 'mif1' && major !== 'msf1') return brandTypes.get(major);
  // A picture of any codec may carry the generic brand as its major one.
  for (let at = 16; at + 4 <= Math.min(boxBytes, head.length, 256); at += 4) {
    const type = brandTypes.get(ascii(head, at, at + 4));
    if (type === 'image/avif') return type;
  }
  return 'image/heif';
}

const brandTypes: ReadonlyMap<string, string> = new Map([
  ...entries('image/avif', 'avif avis'),
  ...entries('image/heic', 'heic heix hevc hevx heim heis hevm hevs'),
  ...entries('video/quicktime', 'qt  '),
  ...entries('audio/mp4', 'M4A  M4B  M4P  F4A  F4B '),
  ...entries('video/3gpp', '3gp4 3gp5 3gp6 3gp7 3ge6 3gg6'),
  ...entries(
    'video/mp4',
    'isom iso2 iso3 iso4 iso5 iso6 iso7 iso8 iso9 mp41 mp42 mp71 avc1 dash M4V  M4VH M4VP F4V  MSNV mmp4 cmfc',
  ),
]);

function entries(type: string, brands: string): [string, string][] {
  return (brands.match(/.{4} ?/g) ?? []).map((brand) => [brand.slice(0, 4), type]);
}

function startsWith(head: Uint8Array, prefix: string): boolean {
  return ascii(head, 0, prefix.length) === prefix;
}

function ascii(head: Uint8Array, start: number, end: number): string {
  let text = '';
  for (let at = start; at < end; at++) text += String.fromCharCode(head[at] ?? 0);
  return text;
}
