import { type HubState, type InRepo, ok, type Routed, withBranch, withRepo } from './access.ts';
import { createBranch, createRepo, whoAmI } from './account.ts';
import { commit } from './commit.ts';
import type { Call, Handler, Reply } from './http.ts';
import { completeMultipart, lfsBatch, lfsVerify, preupload } from './lfs.ts';
import { cached, pathsInfo, raw, resolve, tree } from './read.ts';

type Handle<C> = (call: C) => Promise<Reply> | Reply;

interface Route {
  readonly name: string;
  readonly method: string;
  readonly path: RegExp;
  readonly handle: Handle<Routed>;
}

const repoName = '([^/]+/[^/]+?)';
const api = `/api/datasets/${repoName}`;
const git = `/datasets/${repoName}`;

const inRepo =
  (access: 'read' | 'write', handle: Handle<InRepo>): Handle<Routed> =>
  (call) =>
    withRepo(call, access, handle);
const onBranch =
  (access: 'read' | 'write', handle: Handle<InRepo>): Handle<Routed> =>
  (call) =>
    withBranch(call, access, handle);

const routes: readonly Route[] = [
  route('whoami', 'GET', '/api/whoami-v2', whoAmI),
  route('create-repo', 'POST', '/api/repos/create', createRepo),
  route('complete-multipart', 'POST', '/api/complete_multipart', completeMultipart),
  route(
    'repo',
    'GET',
    api,
    inRepo('read', ({ repo }) => ok({ id: repo.name, private: repo.private })),
  ),
  route(
    'revision',
    'GET',
    `${api}/revision/([^/]+)`,
    onBranch('read', ({ branch }) => ok({ sha: branch.head })),
  ),
  route('create-branch', 'POST', `${api}/branch/([^/]+)`, createBranch),
  route('preupload', 'POST', `${api}/preupload/([^/]+)`, onBranch('write', preupload)),
  route('commit', 'POST', `${api}/commit/([^/]+)`, onBranch('write', commit)),
  route('paths-info', 'POST', `${api}/paths-info/([^/]+)`, onBranch('read', pathsInfo)),
  route('tree', 'GET', `${api}/tree/([^/]+)(?:/(.*))?`, onBranch('read', tree)),
  route('lfs-batch', 'POST', `${git}\\.git/info/lfs/objects/batch`, inRepo('write', lfsBatch)),
  route('lfs-verify', 'POST', `${git}\\.git/info/lfs/verify`, inRepo('write', lfsVerify)),
  route('resolve', 'GET', `${git}/resolve/([^/]+)/(.+)`, onBranch('read', resolve)),
  route('raw', 'HEAD', `${git}/raw/([^/]+)/(.+)`, onBranch('read', raw)),
  route('cached', 'GET', `/api/resolve-cache${git}/([^/]+)/(.+)`, onBranch('read', cached)),
];

function route(name: string, method: string, path: string, handle: Handle<Routed>): Route {
  return { name, method, path: new RegExp(`^${path}$`), handle };
}

export function routeHub(state: HubState, { method, url }: Call): Handler {
  for (const found of routes) {
    const match = found.method === method ? found.path.exec(url.pathname) : null;
    if (match === null) {
      continue;
    }
    const args = match.slice(1).map((arg) => decodeURIComponent(arg ?? ''));
    return { name: found.name, handle: (call) => found.handle({ ...call, state, args }) };
  }
  const error = "Sorry, we can't find the page you are looking for.";
  return { name: 'unknown', handle: () => ({ status: 404, json: { error } }) };
}
