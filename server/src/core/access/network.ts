import { isIP } from 'node:net';

/**
 * The networks that an address belongs to. A home or a rented server has a whole IPv6 /64, often a
 * /48, so single addresses in it cost nothing.
 */
export interface Networks {
  /** The IPv4 address, or the IPv6 /64. */
  readonly near: string;
  /** The IPv6 /48; IPv4 addresses have none. */
  readonly wide: string | undefined;
}

/** A text that is not an address stands for itself. IPv4-mapped IPv6 addresses count as IPv4. */
export function networksOf(address: string): Networks {
  if (isIP(address) !== 6) {
    return { near: address, wide: undefined };
  }
  const groups = groupsOf(address);
  const v4 = mappedV4(groups);
  if (v4 !== undefined) {
    return { near: v4, wide: undefined };
  }
  return { near: networkText(groups, 4), wide: networkText(groups, 3) };
}

/** The eight groups of a valid IPv6 address, in any of its spellings. */
function groupsOf(address: string): readonly number[] {
  const [head = '', tail] = withoutDots(address.replace(/%.*$/, '')).split('::');
  const before = parseGroups(head);
  if (tail === undefined) {
    return before;
  }
  const after = parseGroups(tail);
  return [...before, ...Array<number>(8 - before.length - after.length).fill(0), ...after];
}

function parseGroups(text: string): number[] {
  return text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
}

/** `::ffff:192.0.2.1` -> `::ffff:c000:201` */
function withoutDots(address: string): string {
  return address.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, ...bytes) => {
    const [a = 0, b = 0, c = 0, d = 0] = bytes.slice(0, 4).map(Number);
    return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
  });
}

function mappedV4(groups: readonly number[]): string | undefined {
  if (groups[5] !== 0xffff || groups.slice(0, 5).some((group) => group !== 0)) {
    return undefined;
  }
  return groups
    .slice(6)
    .flatMap((group) => [group >> 8, group & 255])
    .join('.');
}

function networkText(groups: readonly number[], count: number): string {
  const kept = groups.slice(0, count).map((group) => group.toString(16));
  return `${kept.join(':')}::/${count * 16}`;
}
