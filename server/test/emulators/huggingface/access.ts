import type { Call, Reply } from './http.ts';
import type { Branch, Repo } from './repo.ts';
import type { Storage } from './storage.ts';

export interface HubState {
  readonly token: string;
  readonly user: string;
  readonly orgs: readonly string[];
  readonly role: 'read' | 'write';
  /** Objects of at least this many bytes are sent in parts of `chunkBytes`. */
  readonly multipartFromBytes: number;
  readonly chunkBytes: number;
  /** Whether responses to uploads carry a `verify` action. */
  readonly verify: boolean;
  /** How long a commit takes; another one that begins meanwhile loses the race. */
  readonly commitMs: number;
  readonly repos: Map<string, Repo>;
  readonly storage: Storage;
  readonly baseUrl: () => string;
}

export interface Routed extends Call {
  readonly state: HubState;
  readonly args: readonly string[];
}

export interface InRepo extends Routed {
  readonly repo: Repo;
  readonly branch: Branch;
}

export function ok(json: unknown): Reply {
  return { status: 200, json };
}

export function refuse(status: number, error: string, code?: string): Reply {
  return {
    status,
    json: { error },
    headers: { 'x-error-message': error, ...(code !== undefined && { 'x-error-code': code }) },
  };
}

export function knows({ state, headers }: Routed): boolean {
  return headers.authorization === `Bearer ${state.token}`;
}

export async function withRepo(
  call: Routed,
  access: 'read' | 'write',
  handle: (call: InRepo) => Promise<Reply> | Reply,
): Promise<Reply> {
  const repo = call.state.repos.get(call.args[0] ?? '');
  if (call.headers.authorization !== undefined && !knows(call)) {
    return refuse(401, 'Invalid credentials in Authorization header');
  }
  if (repo === undefined || (repo.private && !knows(call))) {
    return refuse(
      knows(call) ? 404 : 401,
      knows(call) ? 'Repository not found' : 'Invalid username or password.',
      'RepoNotFound',
    );
  }
  if (access === 'write' && !mayWrite(call, repo)) {
    return refuse(403, "Forbidden: you don't have the necessary permissions to write to this repo");
  }
  const branch = repo.branches.get('main') as Branch;
  return handle({ ...call, repo, branch });
}

function mayWrite(call: Routed, repo: Repo): boolean {
  const { state } = call;
  return (
    knows(call) &&
    state.role === 'write' &&
    [state.user, ...state.orgs].includes(repo.name.split('/')[0] ?? '')
  );
}

export function withBranch(
  call: Routed,
  access: 'read' | 'write',
  handle: (call: InRepo) => Promise<Reply> | Reply,
): Promise<Reply> {
  return withRepo(call, access, (inRepo) => {
    const branch = inRepo.repo.branches.get(call.args[1] ?? '');
    return branch === undefined
      ? refuse(404, `Invalid rev id: ${call.args[1]}`, 'RevisionNotFound')
      : handle({ ...inRepo, branch });
  });
}
