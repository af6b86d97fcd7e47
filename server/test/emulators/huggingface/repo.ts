import { createHash, randomBytes } from 'node:crypto';

export type Entry =
  | {
      readonly kind: 'regular';
      readonly content: Buffer;
      readonly oid: string;
      readonly size: number;
    }
  | { readonly kind: 'lfs'; readonly lfsOid: string; readonly oid: string; readonly size: number };

export interface Branch {
  head: string;
  readonly commits: string[];
  readonly files: Map<string, Entry>;
}

export interface Repo {
  readonly name: string;
  readonly private: boolean;
  readonly branches: Map<string, Branch>;
}

export interface CommitLine {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>>;
}

/** Extensions in the `.gitattributes` that the hub gives a new dataset (a part of them). */
const lfsExtensions =
  /\.(7z|arrow|avro|bin|bz2|ckpt|ftz|gz|h5|joblib|lz4|mlmodel|model|msgpack|npy|npz|onnx|parquet|pickle|pkl|pt|pth|rar|safetensors|tar|tgz|wasm|xz|zip|zst|pcm|raw|sam|aac|flac|mp3|ogg|wav|bmp|gif|png|tiff|jpg|jpeg|webp|mp4|webm)$/;

const largestRegularBytes = 10 * 1024 * 1024;

export function newRepo(name: string, isPrivate: boolean): Repo {
  const repo: Repo = { name, private: isPrivate, branches: new Map() };
  addBranch(repo, 'main');
  return repo;
}

export function addBranch(repo: Repo, name: string): void {
  const from = repo.branches.get('main');
  repo.branches.set(name, {
    head: from?.head ?? randomBytes(20).toString('hex'),
    commits: [...(from?.commits ?? ['initial commit'])],
    files: new Map(
      from?.files ?? [
        [
          '.gitattributes',
          regularEntry(Buffer.from('*.bin filter=lfs diff=lfs merge=lfs -text\n')),
        ],
      ],
    ),
  });
}

export function regularEntry(content: Buffer): Entry {
  const oid = createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex');
  return { kind: 'regular', content, oid, size: content.length };
}

export function lfsEntry(lfsOid: string, size: number): Entry {
  const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${lfsOid}\nsize ${size}\n`;
  return { kind: 'lfs', lfsOid, size, oid: regularEntry(Buffer.from(pointer)).oid };
}

/** By extension, by `.gitattributes`, by size, and by what the first bytes look like. */
export function needsLfs(
  branch: Branch,
  file: { path: string; size: number; sample: Buffer },
): boolean {
  if (lfsExtensions.test(file.path) || file.size > largestRegularBytes) {
    return true;
  }
  if (tracked(branch).includes(file.path)) {
    return true;
  }
  return !isText(file.sample);
}

/** A commit with an LFS file makes the hub add its path to `.gitattributes`. */
export function track(branch: Branch, path: string): void {
  const attributes = branch.files.get('.gitattributes');
  const text = attributes?.kind === 'regular' ? attributes.content.toString() : '';
  if (lfsExtensions.test(path) || tracked(branch).includes(path)) {
    return;
  }
  branch.files.set(
    '.gitattributes',
    regularEntry(Buffer.from(`${text}${path} filter=lfs diff=lfs merge=lfs -text\n`)),
  );
}

function tracked(branch: Branch): string[] {
  const attributes = branch.files.get('.gitattributes');
  return attributes?.kind === 'regular'
    ? attributes.content
        .toString()
        .split('\n')
        .map((line) => line.split(' ')[0] ?? '')
    : [];
}

function isText(sample: Buffer): boolean {
  if (sample.includes(0)) {
    return false;
  }
  // The sample may end in the middle of a character.
  const text = sample.toString('utf8');
  return !text.slice(0, -1).includes('\ufffd');
}

export function isSafePath(path: string): boolean {
  return (
    path !== '' &&
    path
      .split('/')
      .every(
        (part) => part !== '' && part !== '.' && part !== '..' && part.toLowerCase() !== '.git',
      )
  );
}
