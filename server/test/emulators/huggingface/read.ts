import { type InRepo, ok, refuse } from './access.ts';
import { type Reply, readJson } from './http.ts';
import type { Entry } from './repo.ts';

function describeEntry(path: string, entry: Entry): unknown {
  const lfs = entry.kind === 'lfs' && {
    lfs: { oid: entry.lfsOid, size: entry.size, pointerSize: 130 },
  };
  return { type: 'file', path, oid: entry.oid, size: entry.size, ...lfs };
}

export async function pathsInfo({ request, branch }: InRepo): Promise<Reply> {
  const { paths } = await readJson<{ paths: string[] }>(request);
  const found = paths
    .map((path) => [path, branch.files.get(path)] as const)
    .filter((pair): pair is [string, Entry] => pair[1] !== undefined);
  return ok(found.map(([path, entry]) => describeEntry(path, entry)));
}

export function tree({ branch, args, url }: InRepo): Reply {
  const folder = args[2] ? `${args[2]}/` : '';
  const below = [...branch.files].filter(([path]) => path.startsWith(folder));
  const shown =
    url.searchParams.get('recursive') === 'true'
      ? below
      : below.filter(([path]) => !path.slice(folder.length).includes('/'));
  return ok(shown.map(([path, entry]) => describeEntry(path, entry)));
}

export function resolve(call: InRepo): Reply {
  const { branch, repo, state, args } = call;
  const [, revision = '', path = ''] = args;
  const entry = branch.files.get(path);
  if (entry === undefined) {
    return refuse(404, 'Entry not found', 'EntryNotFound');
  }
  const linked = {
    'x-repo-commit': branch.head,
    'x-linked-etag': `"${entry.kind === 'lfs' ? entry.lfsOid : entry.oid}"`,
    'x-linked-size': String(entry.size),
  };
  // Small files come from a cache on the same host, large ones from the CDN on another.
  if (entry.kind === 'regular') {
    return {
      status: 307,
      headers: {
        ...linked,
        location: `/api/resolve-cache/datasets/${repo.name}/${revision}/${encodeURIComponent(path)}`,
      },
    };
  }
  return {
    status: 302,
    headers: { ...linked, location: state.storage.link(repo.name, entry.lfsOid) },
  };
}

export function raw({ branch, args }: InRepo): Reply {
  return branch.files.has(args[2] ?? '')
    ? { status: 200 }
    : refuse(404, 'Entry not found', 'EntryNotFound');
}

export function cached({ branch, args }: InRepo): Reply {
  const entry = branch.files.get(args[2] ?? '');
  if (entry?.kind !== 'regular') {
    return refuse(404, 'Entry not found', 'EntryNotFound');
  }
  return { status: 200, bytes: entry.content, headers: { etag: `"${entry.oid}"` } };
}
