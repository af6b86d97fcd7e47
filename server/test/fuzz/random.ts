/** Reproducible randomness: the same seed, the same cases. */
export interface Random {
  /** From 0 to `limit` - 1. */
  below(limit: number): number;
  chance(share: number): boolean;
  pick<T>(from: readonly [T, ...T[]]): T;
  bytes(length: number): Buffer;
}

/** xorshift32: quick, and good enough to break parsers. */
export function createRandom(seed: number): Random {
  let state = seed | 0 || 1;
  const next = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
  for (let round = 0; round < 8; round++) {
    next();
  }
  const below = (limit: number): number => next() % limit;
  return {
    below,
    chance: (share) => next() < share * 2 ** 32,
    pick: (from) => from[below(from.length)] ?? from[0],
    bytes: (length) => Buffer.from(Array.from({ length }, () => next() & 255)),
  };
}

/** Texts that have broken parsers before. */
const nasty = [
  ...[
    '',
    ' ',
    '\t',
    '\0',
    '\r\n',
    '\n',
    '\r\n\r\n',
    '--',
    '"',
    '\\',
    '\\"',
    ';',
    '=',
    ',',
    ':',
    '/',
    '..',
    '../../etc/passwd',
    '%',
    '%00',
    '%zz',
  ],
  ...[
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
    'null',
    'undefined',
    'NaN',
    'true',
    '-0',
    '-1',
    '1e309',
    '9007199254740993',
    '0x10',
  ],
  ...[
    '99999999999999999999',
    '\u202e',
    '\ufeff',
    '\ud800',
    'é',
    '日本語',
    '😀',
    '\u2028',
    'CON',
    'a.',
    '.a',
    'x'.repeat(300),
    'x'.repeat(5000),
  ],
  ...[
    'bytes=0-0',
    'bytes=-1',
    'multipart/mixed; boundary=b',
    "filename*=utf-8''",
    'charset=',
    'q=0',
    '*',
    '*/*',
    'image/svg+xml',
    'text/html',
  ],
] as const;

export function nastyText(random: Random): string {
  const parts = Array.from({ length: 1 + random.below(3) }, () =>
    random.chance(0.7)
      ? random.pick(nasty as unknown as [string, ...string[]])
      : random.bytes(random.below(12)).toString('latin1'),
  );
  return parts.join('');
}

/** The same bytes with a few changes: some flipped, cut out, doubled, moved or put in. */
export function mutate(bytes: Buffer, random: Random): Buffer {
  let changed: Buffer = bytes;
  for (let times = 1 + random.below(4); times > 0; times--) {
    changed = changeOnce(changed, random);
  }
  return changed;
}

function changeOnce(bytes: Buffer, random: Random): Buffer {
  const at = random.below(bytes.length + 1);
  const length = random.below(random.chance(0.5) ? 4 : 200);
  const [before, piece, after] = [
    bytes.subarray(0, at),
    bytes.subarray(at, at + length),
    bytes.subarray(at + length),
  ];
  return Buffer.concat(
    random.pick<readonly Uint8Array[]>([
      [before, random.bytes(piece.length), after],
      [before, after],
      [before, piece, piece, after],
      [before, Buffer.from(nastyText(random)), piece, after],
      [after, before, piece],
      [before],
      [before, random.bytes(1), after],
    ]),
  );
}
