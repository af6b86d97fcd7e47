import { knows, ok, type Routed, refuse, withRepo } from './access.ts';
import { type Reply, readJson } from './http.ts';
import { addBranch, newRepo } from './repo.ts';

export function whoAmI(call: Routed): Reply {
  const { user, orgs, role } = call.state;
  if (!knows(call)) {
    return refuse(401, 'Invalid credentials in Authorization header');
  }
  return ok({
    type: 'user',
    name: user,
    orgs: orgs.map((name) => ({ type: 'org', name })),
    auth: {
      type: 'access_token',
      accessToken: { displayName: 'test', role, createdAt: '2026-01-01T00:00:00.000Z' },
    },
  });
}

export async function createRepo(call: Routed): Promise<Reply> {
  const { state } = call;
  const body = await readJson<{
    name: string;
    organization?: string;
    type?: string;
    private?: boolean;
    visibility?: string;
  }>(call.request);
  const owner = body.organization ?? state.user;
  if (!knows(call) || state.role !== 'write') {
    return refuse(knows(call) ? 403 : 401, 'Invalid credentials in Authorization header');
  }
  if (![state.user, ...state.orgs].includes(owner)) {
    return refuse(
      403,
      `You don't have the rights to create a dataset under the namespace "${owner}"`,
    );
  }
  if (body.type !== 'dataset') {
    return refuse(400, 'This emulator holds datasets only');
  }
  const name = `${owner}/${body.name}`;
  if (state.repos.has(name)) {
    return refuse(409, 'You already created this dataset repo');
  }
  state.repos.set(name, newRepo(name, body.private ?? body.visibility === 'private'));
  return ok({ url: `${state.baseUrl()}/datasets/${name}`, id: name });
}

export async function createBranch(call: Routed): Promise<Reply> {
  return withRepo(call, 'write', ({ repo }) => {
    const name = call.args[1] ?? '';
    if (repo.branches.has(name)) {
      return refuse(409, `Reference already exists: refs/heads/${name}`);
    }
    addBranch(repo, name);
    return ok({});
  });
}
