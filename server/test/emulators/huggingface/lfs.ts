import { type HubState, type InRepo, ok, type Routed, refuse } from './access.ts';
import { type Reply, readJson } from './http.ts';
import { needsLfs, type Repo } from './repo.ts';
import type { PartTag } from './storage.ts';

export async function preupload({ request, branch }: InRepo): Promise<Reply> {
  const { files } = await readJson<{ files: { path: string; size: number; sample: string }[] }>(
    request,
  );
  const mode = (file: { path: string; size: number; sample: string }) =>
    needsLfs(branch, { ...file, sample: Buffer.from(file.sample, 'base64') }) ? 'lfs' : 'regular';
  return ok({
    files: files.map((file) => ({
      path: file.path,
      uploadMode: mode(file),
      shouldIgnore: false,
      oid: null,
    })),
  });
}

export async function lfsBatch({ request, repo, state }: InRepo): Promise<Reply> {
  const { objects, transfers } = await readJson<{
    objects: { oid: string; size: number }[];
    transfers: string[];
  }>(request);
  const plans = await Promise.all(objects.map((object) => lfsPlan(state, { repo, ...object })));
  const parts =
    transfers.includes('multipart') && objects.some(({ size }) => size >= state.multipartFromBytes);
  return {
    ...ok({ transfer: parts ? 'multipart' : 'basic', objects: plans }),
    headers: { 'content-type': 'application/vnd.git-lfs+json' },
  };
}

async function lfsPlan(
  state: HubState,
  { repo, oid, size }: { repo: Repo; oid: string; size: number },
): Promise<unknown> {
  if (!/^[0-9a-f]{64}$/.test(oid)) {
    return { oid, size, error: { code: 422, message: 'Invalid OID' } };
  }
  if ((await state.storage.sizeOf(repo.name, oid)) !== undefined) {
    return { oid, size, authenticated: true };
  }
  const verify = state.verify && {
    verify: { href: `${state.baseUrl()}/datasets/${repo.name}.git/info/lfs/verify` },
  };
  if (size < state.multipartFromBytes) {
    return {
      oid,
      size,
      authenticated: true,
      actions: { upload: { href: state.storage.link(repo.name, oid) }, ...verify },
    };
  }
  const { uploadId, links } = state.storage.startParts(
    repo.name,
    oid,
    Math.ceil(size / state.chunkBytes),
  );
  const href = `${state.baseUrl()}/api/complete_multipart?uploadId=${uploadId}`;
  return {
    oid,
    size,
    authenticated: true,
    actions: {
      upload: { href, header: { chunk_size: String(state.chunkBytes), ...links } },
      ...verify,
    },
  };
}

export async function lfsVerify({ request, repo, state }: InRepo): Promise<Reply> {
  const { oid, size } = await readJson<{ oid: string; size: number }>(request);
  const stored = await state.storage.sizeOf(repo.name, oid);
  if (stored === undefined) {
    return refuse(404, 'Object does not exist');
  }
  return stored === size ? ok({}) : refuse(422, `Size mismatch: expected ${size}, got ${stored}`);
}

export async function completeMultipart({ request, url, state }: Routed): Promise<Reply> {
  const { parts } = await readJson<{ parts: PartTag[] }>(request);
  const problem = await state.storage.complete(url.searchParams.get('uploadId') ?? '', parts);
  return problem === undefined ? ok({ success: true }) : refuse(400, problem);
}
