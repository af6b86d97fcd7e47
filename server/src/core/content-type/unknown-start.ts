/**
 * Whether no signature that file-type knows can be in these bytes, so that it need not be asked: it
 * tries a hundred of them, one after the other. False only means that one might be.
 */
export function hasUnknownStart(head: Uint8Array): boolean {
  return (
    head.length >= leastBytes &&
    !firstBytes.has(head[0] ?? 0) &&
    places.every(([at, bytes]) => !bytes.includes(head[at] ?? 0)) &&
    !mayBeTar(head)
  );
}

/** Shorter ones are cheap, and end inside the places below. */
const leastBytes = 512;

/** What signatures at the start of a file begin with. */
const firstBytes: ReadonlySet<number> = new Set(
  Buffer.from(
    '0004060b1a1f21232425282d2e3037383c4142434445464749' +
      '4b4c4d4e4f50525357606263666772737477787e7f89a1abc5c7cacecfd0d4edeffdfeff',
    'hex',
  ),
);

/** What signatures elsewhere begin with, by their place. */
const places: readonly (readonly [at: number, bytes: Buffer])[] = [
  [2, Buffer.from("-'")],
  // Boxes of ISO media, transport streams with a time in front, fonts, EPOC.
  [4, Buffer.from('fmw0GO!D\0', 'latin1')],
  [7, Buffer.from('*')],
  [34, Buffer.from('L')],
  [36, Buffer.from('a')],
  [44, Buffer.from('S')],
  [60, Buffer.from('B')],
  [128, Buffer.from('D')],
];

/** Old archives have no name in this place, but zeros, and may begin with anything. */
function mayBeTar(head: Uint8Array): boolean {
  return head[257] === 0x75 || head[257] === 0;
}
