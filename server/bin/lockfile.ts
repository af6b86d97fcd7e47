interface Entry {
  readonly version?: string;
  readonly integrity?: string;
  /** A folder of this repository. */
  readonly link?: boolean;
  readonly cpu?: readonly string[];
  readonly os?: readonly string[];
  readonly libc?: readonly string[];
  readonly optional?: boolean;
  readonly dev?: boolean;
  readonly license?: string;
  readonly engines?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

export interface Lockfile {
  readonly packages: Readonly<Record<string, Entry>>;
}

const PLATFORM =
  /(?<os>android|darwin|linux|win32|freebsd|openharmony)-(?<cpu>arm64|x64|ia32|arm|ppc64|riscv64|s390x)(?:-(?<abi>musl|gnu|msvc|eabi|gnueabihf|musleabihf))?$/;

/** Packages without a checksum: npm would take them as they come. */
export function unchecked({ packages }: Lockfile): readonly string[] {
  return Object.entries(packages)
    .filter(
      ([place, entry]) =>
        place.includes('node_modules/') && entry.integrity === undefined && entry.link !== true,
    )
    .map(([place]) => place.slice(place.lastIndexOf('node_modules/') + 'node_modules/'.length));
}

/** The lockfile without optional packages that have no checksum, so that npm looks them up anew. */
export function withoutUnchecked(lockfile: Lockfile): Lockfile {
  const kept = Object.entries(lockfile.packages).filter(
    ([, entry]) => entry.optional !== true || entry.integrity !== undefined,
  );
  return { ...lockfile, packages: Object.fromEntries(kept) };
}

/**
 * The lockfile with an entry for every platform package that another one names. The checksums of
 * those it adds are not known.
 */
export function completeLockfile(lockfile: Lockfile): {
  readonly lockfile: Lockfile;
  readonly added: readonly string[];
} {
  const { packages } = lockfile;
  const added = Object.entries(packages).flatMap(([place, parent]) =>
    missingOf(place, parent, packages),
  );
  const all = [
    ...Object.entries(packages),
    ...added.map(([name, entry]) => [`node_modules/${name}`, entry] as const),
  ];
  const sorted = Object.fromEntries(all.toSorted(([a], [b]) => a.localeCompare(b, 'en')));
  return { lockfile: { ...lockfile, packages: sorted }, added: added.map(([name]) => name) };
}

function missingOf(
  place: string,
  parent: Entry,
  packages: Lockfile['packages'],
): readonly (readonly [string, Entry])[] {
  const wanted = Object.entries(parent.optionalDependencies ?? {});
  const sibling = wanted
    .map(([name]) => packages[`node_modules/${name}`])
    .find((entry) => entry !== undefined);
  return wanted
    .filter(
      ([name]) =>
        packages[`node_modules/${name}`] === undefined &&
        packages[`${place}/node_modules/${name}`] === undefined,
    )
    .map(([name, version]) => [name, entryOf(name, version, { ...parent, ...sibling })]);
}

function entryOf(name: string, version: string, { dev, license, engines }: Entry): Entry {
  const { os, cpu, abi = '' } = PLATFORM.exec(name)?.groups ?? {};
  if (os === undefined || cpu === undefined) {
    throw new Error(`${name} is missing from package-lock.json and names no platform.`);
  }
  return {
    version,
    cpu: [cpu],
    ...(dev && { dev }),
    ...(os === 'linux' && abi !== '' && { libc: [abi.startsWith('musl') ? 'musl' : 'glibc'] }),
    ...(license && { license }),
    optional: true,
    os: [os],
    ...(engines && { engines }),
  };
}
