import { randomBytes } from 'node:crypto';
import { type Call, parseRange, type Reply, readBody, readJson } from './http.ts';
import {
  addBranch,
  type Branch,
  type CommitLine,
  type Entry,
  isSafePath,
  lfsEntry,
  needsLfs,
  newRepo,
  type Repo,
  regularEntry,
  track,
} from './repo.ts';
import type { Storage } from './storage.ts';

export interface HubState {
  readonly token: string;
  readonly user: string;
  readonly orgs: readonly string[];
  readonly role: 'read' | 'write';
  /** Objects of at least this many bytes are sent in parts of `chunkBytes`. */
  readonly multipartFromBytes: number;
  readonly chunkBytes: number;
  /** Whether upload answers carry a `verify` action. */
  readonly verify: boolean;
  /** How long a commit takes; another one that begins meanwhile loses the race. */
  readonly commitMs: number;
  readonly repos: Map<string, Repo>;
  readonly storage: Storage;
  readonly baseUrl: () => string;
}

interface Routed extends Call {
  readonly state: HubState;
  readonly args: readonly string[];
}

interface InRepo extends Routed {
  readonly repo: Repo;
  readonly branch: Branch;
}

const repoName = '([^/]+/[^/]+?)';

type Route = readonly [method: string, path: RegExp, handle: (call: Routed) => Promise<Reply> | Reply];

const routes: readonly Route[] = [
  ['GET', /^\/api\/whoami-v2$/, whoAmI],
  ['POST', /^\/api\/repos\/create$/, createRepo],
  ['POST', /^\/api\/complete_multipart$/, completeMultipart],
  [
    'GET',
    new RegExp(`^/api/datasets/${repoName}$`),
    (call) => withRepo(call, 'read', ({ repo }) => ok({ id: repo.name, private: repo.private })),
  ],
  [
    'GET',
    new RegExp(`^/api/datasets/${repoName}/revision/([^/]+)$`),
    (call) => withBranch(call, 'read', ({ branch }) => ok({ sha: branch.head })),
  ],
  ['POST', new RegExp(`^/api/datasets/${repoName}/branch/([^/]+)$`), createBranch],
  ['POST', new RegExp(`^/api/datasets/${repoName}/preupload/([^/]+)$`), (call) => withBranch(call, 'write', preupload)],
  ['POST', new RegExp(`^/api/datasets/${repoName}/commit/([^/]+)$`), (call) => withBranch(call, 'write', commit)],
  ['POST', new RegExp(`^/api/datasets/${repoName}/paths-info/([^/]+)$`), (call) => withBranch(call, 'read', pathsInfo)],
  ['GET', new RegExp(`^/api/datasets/${repoName}/tree/([^/]+)(?:/(.*))?$`), (call) => withBranch(call, 'read', tree)],
  ['POST', new RegExp(`^/datasets/${repoName}\\.git/info/lfs/objects/batch$`), (call) => withRepo(call, 'write', lfsBatch)],
  ['POST', new RegExp(`^/datasets/${repoName}\\.git/info/lfs/verify$`), (call) => withRepo(call, 'write', lfsVerify)],
  ['GET', new RegExp(`^/datasets/${repoName}/resolve/([^/]+)/(.+)$`), (call) => withBranch(call, 'read', resolve)],
  ['HEAD', new RegExp(`^/datasets/${repoName}/raw/([^/]+)/(.+)$`), (call) => withBranch(call, 'read', raw)],
  ['GET', new RegExp(`^/api/resolve-cache/datasets/${repoName}/([^/]+)/(.+)$`), (call) => withBranch(call, 'read', regularFile)],
];

export function hubHandler(state: HubState): (call: Call) => Promise<Reply> {
  return async (call) => {
    for (const [method, path, handle] of routes) {
      const match = call.method === method ? path.exec(call.url.pathname) : null;
      if (match !== null) return handle({ ...call, state, args: match.slice(1).map((arg) => decodeURIComponent(arg ?? '')) });
    }
    return { status: 404, json: { error: "Sorry, we can't find the page you are looking for." } };
  };
}

function ok(json: unknown): Reply {
  return { status: 200, json };
}

function refuse(status: number, error: string, code?: string): Reply {
  return { status, json: { error }, headers: { 'x-error-message': error, ...(code !== undefined && { 'x-error-code': code }) } };
}

function knows({ state, headers }: Routed): boolean {
  return headers.authorization === `Bearer ${state.token}`;
}

async function withRepo(
  call: Routed,
  access: 'read' | 'write',
  handle: (call: InRepo) => Promise<Reply> | Reply,
): Promise<Reply> {
  const repo = call.state.repos.get(call.args[0] ?? '');
  if (call.headers.authorization !== undefined && !knows(call)) return refuse(401, 'Invalid credentials in Authorization header');
  if (repo === undefined || (repo.private && !knows(call)))
    return refuse(
      knows(call) ? 404 : 401,
      knows(call) ? 'Repository not found' : 'Invalid username or password.',
      'RepoNotFound',
    );
  if (access === 'write' && !mayWrite(call, repo))
    return refuse(403, "Forbidden: you don't have the necessary permissions to write to this repo");
  const branch = repo.branches.get('main') as Branch;
  return handle({ ...call, repo, branch });
}

function mayWrite(call: Routed, repo: Repo): boolean {
  const { state } = call;
  return knows(call) && state.role === 'write' && [state.user, ...state.orgs].includes(repo.name.split('/')[0] ?? '');
}

function withBranch(call: Routed, access: 'read' | 'write', handle: (call: InRepo) => Promise<Reply> | Reply): Promise<Reply> {
  return withRepo(call, access, (inRepo) => {
    const branch = inRepo.repo.branches.get(call.args[1] ?? '');
    return branch === undefined
      ? refuse(404, `Invalid rev id: ${call.args[1]}`, 'RevisionNotFound')
      : handle({ ...inRepo, branch });
  });
}

function whoAmI(call: Routed): Reply {
  const { user, orgs, role } = call.state;
  if (!knows(call)) return refuse(401, 'Invalid credentials in Authorization header');
  return ok({
    type: 'user',
    name: user,
    orgs: orgs.map((name) => ({ type: 'org', name })),
    auth: { type: 'access_token', accessToken: { displayName: 'test', role, createdAt: '2026-01-01T00:00:00.000Z' } },
  });
}

async function createRepo(call: Routed): Promise<Reply> {
  const { state } = call;
  const body = await readJson<{ name: string; organization?: string; type?: string; private?: boolean; visibility?: string }>(
    call.request,
  );
  const owner = body.organization ?? state.user;
  if (!knows(call) || state.role !== 'write')
    return refuse(knows(call) ? 403 : 401, 'Invalid credentials in Authorization header');
  if (![state.user, ...state.orgs].includes(owner))
    return refuse(403, `You don't have the rights to create a dataset under the namespace "${owner}"`);
  if (body.type !== 'dataset') return refuse(400, 'This emulator holds datasets only');
  const name = `${owner}/${body.name}`;
  if (state.repos.has(name)) return refuse(409, 'You already created this dataset repo');
  state.repos.set(name, newRepo(name, body.private ?? body.visibility === 'private'));
  return ok({ url: `${state.baseUrl()}/datasets/${name}`, id: name });
}

async function createBranch(call: Routed): Promise<Reply> {
  return withRepo(call, 'write', ({ repo }) => {
    const name = call.args[1] ?? '';
    if (repo.branches.has(name)) return refuse(409, `Reference already exists: refs/heads/${name}`);
    addBranch(repo, name);
    return ok({});
  });
}

async function preupload({ request, branch }: InRepo): Promise<Reply> {
  const { files } = await readJson<{ files: { path: string; size: number; sample: string }[] }>(request);
  const mode = (file: { path: string; size: number; sample: string }) =>
    needsLfs(branch, { ...file, sample: Buffer.from(file.sample, 'base64') }) ? 'lfs' : 'regular';
  return ok({ files: files.map((file) => ({ path: file.path, uploadMode: mode(file), shouldIgnore: false, oid: null })) });
}

async function lfsBatch({ request, repo, state }: InRepo): Promise<Reply> {
  const { objects, transfers } = await readJson<{ objects: { oid: string; size: number }[]; transfers: string[] }>(request);
  const plans = await Promise.all(objects.map((object) => lfsPlan(state, { repo, ...object })));
  const parts = transfers.includes('multipart') && objects.some(({ size }) => size >= state.multipartFromBytes);
  return {
    ...ok({ transfer: parts ? 'multipart' : 'basic', objects: plans }),
    headers: { 'content-type': 'application/vnd.git-lfs+json' },
  };
}

async function lfsPlan(state: HubState, { repo, oid, size }: { repo: Repo; oid: string; size: number }): Promise<unknown> {
  if (!/^[0-9a-f]{64}$/.test(oid)) return { oid, size, error: { code: 422, message: 'Invalid OID' } };
  if ((await state.storage.sizeOf(repo.name, oid)) !== undefined) return { oid, size, authenticated: true };
  const verify = state.verify && { verify: { href: `${state.baseUrl()}/datasets/${repo.name}.git/info/lfs/verify` } };
  if (size < state.multipartFromBytes)
    return {
      oid,
      size,
      authenticated: true,
      actions: { upload: { href: state.storage.sign(`/lfs/${repo.name}/${oid}`) }, ...verify },
    };
  const { uploadId, links } = state.storage.parts(repo.name, oid, Math.ceil(size / state.chunkBytes));
  const href = `${state.baseUrl()}/api/complete_multipart?uploadId=${uploadId}`;
  return {
    oid,
    size,
    authenticated: true,
    actions: { upload: { href, header: { chunk_size: String(state.chunkBytes), ...links } }, ...verify },
  };
}

async function lfsVerify({ request, repo, state }: InRepo): Promise<Reply> {
  const { oid, size } = await readJson<{ oid: string; size: number }>(request);
  const stored = await state.storage.sizeOf(repo.name, oid);
  if (stored === undefined) return refuse(404, 'Object does not exist');
  return stored === size ? ok({}) : refuse(422, `Size mismatch: expected ${size}, got ${stored}`);
}

async function completeMultipart({ request, url, state }: Routed): Promise<Reply> {
  const { parts } = await readJson<{ parts: { partNumber: number; etag: string }[] }>(request);
  const problem = await state.storage.complete(url.searchParams.get('uploadId') ?? '', parts);
  return problem === undefined ? ok({ success: true }) : refuse(400, problem);
}

async function commit(call: InRepo): Promise<Reply> {
  const { branch, state } = call;
  const text = (await readBody(call.request)).toString('utf8');
  const [header, ...changes] = text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as CommitLine);
  const { summary, parentCommit } = (header?.value ?? {}) as { summary?: string; parentCommit?: string };
  if (header?.key !== 'header' || !summary) return refuse(400, 'The first line must be a header with a summary');
  const { head } = branch;
  if (parentCommit !== undefined && parentCommit !== head) return raceLost;
  const refusal = await checkChanges(call, changes);
  if (refusal !== undefined) return refusal;
  if (state.commitMs > 0) await new Promise((resolve) => setTimeout(resolve, state.commitMs));
  if (branch.head !== head) return raceLost;
  for (const change of changes) apply(branch, change);
  branch.head = randomBytes(20).toString('hex');
  branch.commits.push(summary);
  return ok({
    success: true,
    commitOid: branch.head,
    commitUrl: `${state.baseUrl()}/datasets/${call.repo.name}/commit/${branch.head}`,
    hookOutput: '',
  });
}

const raceLost = refuse(412, 'A commit has happened since. Please refresh and try again.');

async function checkChanges(call: InRepo, changes: readonly CommitLine[]): Promise<Reply | undefined> {
  const paths = changes.map(({ value }) => String(value.path));
  if (new Set(paths).size !== paths.length) return refuse(400, 'Duplicate paths in commit');
  if (!paths.every(isSafePath)) return refuse(400, 'Invalid path in commit');
  for (const change of changes) {
    const refusal = await checkChange(call, change);
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

async function checkChange({ branch, repo, state }: InRepo, { key, value }: CommitLine): Promise<Reply | undefined> {
  const path = String(value.path);
  if (key === 'deletedFile') return branch.files.has(path) ? undefined : refuse(404, `Entry not found: ${path}`, 'EntryNotFound');
  if (key === 'lfsFile') {
    const known = value.algo === 'sha256' && (await state.storage.sizeOf(repo.name, String(value.oid))) !== undefined;
    const words = 'Your push was rejected because an LFS pointer pointed to a file that does not exist. Offending file: - ';
    return known ? undefined : refuse(400, words + path);
  }
  if (key !== 'file') return refuse(400, `Unknown operation ${key}`);
  const content = contentOf(value);
  const words =
    'Your push was rejected because it contains binary files. Please use https://huggingface.co/docs/hub/xet to store binary files. Offending files: - ';
  const large = content.length > 0 && needsLfs(branch, { path, size: content.length, sample: content.subarray(0, 512) });
  return large ? refuse(400, words + path) : undefined;
}

function contentOf(value: CommitLine['value']): Buffer {
  return Buffer.from(String(value.content), value.encoding === 'base64' ? 'base64' : 'utf8');
}

function apply(branch: Branch, { key, value }: CommitLine): void {
  const path = String(value.path);
  if (key === 'deletedFile') return void branch.files.delete(path);
  if (key === 'file') return void branch.files.set(path, regularEntry(contentOf(value)));
  track(branch, path);
  branch.files.set(path, lfsEntry(String(value.oid), Number(value.size)));
}

function describeEntry(path: string, entry: Entry): unknown {
  const lfs = entry.kind === 'lfs' && { lfs: { oid: entry.lfsOid, size: entry.size, pointerSize: 130 } };
  return { type: 'file', path, oid: entry.oid, size: entry.size, ...lfs };
}

async function pathsInfo({ request, branch }: InRepo): Promise<Reply> {
  const { paths } = await readJson<{ paths: string[] }>(request);
  const found = paths
    .map((path) => [path, branch.files.get(path)] as const)
    .filter((pair): pair is [string, Entry] => pair[1] !== undefined);
  return ok(found.map(([path, entry]) => describeEntry(path, entry)));
}

function tree({ branch, args, url }: InRepo): Reply {
  const folder = args[2] ? `${args[2]}/` : '';
  const below = [...branch.files].filter(([path]) => path.startsWith(folder));
  const shown =
    url.searchParams.get('recursive') === 'true' ? below : below.filter(([path]) => !path.slice(folder.length).includes('/'));
  return ok(shown.map(([path, entry]) => describeEntry(path, entry)));
}

function resolve(call: InRepo): Reply {
  const { branch, repo, state, args } = call;
  const [, revision = '', path = ''] = args;
  const entry = branch.files.get(path);
  if (entry === undefined) return refuse(404, 'Entry not found', 'EntryNotFound');
  const linked = {
    'x-repo-commit': branch.head,
    'x-linked-etag': `"${entry.kind === 'lfs' ? entry.lfsOid : entry.oid}"`,
    'x-linked-size': String(entry.size),
  };
  // Small files come from a cache on the same host, large ones from the CDN on another.
  if (entry.kind === 'regular')
    return {
      status: 307,
      headers: { ...linked, location: `/api/resolve-cache/datasets/${repo.name}/${revision}/${encodeURIComponent(path)}` },
    };
  return { status: 302, headers: { ...linked, location: state.storage.sign(`/lfs/${repo.name}/${entry.lfsOid}`) } };
}

function raw({ branch, args }: InRepo): Reply {
  return branch.files.has(args[2] ?? '') ? { status: 200 } : refuse(404, 'Entry not found', 'EntryNotFound');
}

function regularFile({ branch, args, headers }: InRepo): Reply {
  const entry = branch.files.get(args[2] ?? '');
  if (entry?.kind !== 'regular') return refuse(404, 'Entry not found', 'EntryNotFound');
  const etag = { etag: `"${entry.oid}"` };
  const range = parseRange(headers.range, entry.size);
  if (range === null) return { status: 416, headers: { ...etag, 'content-range': `bytes */${entry.size}` } };
  if (range === undefined) return { status: 200, body: entry.content, headers: etag };
  const { start, end } = range;
  return {
    status: 206,
    body: entry.content.subarray(start, end + 1),
    headers: { ...etag, 'content-range': `bytes ${start}-${end}/${entry.size}` },
  };
}
