import { randomBytes } from 'node:crypto';
import { type InRepo, ok, refuse } from './access.ts';
import { type Reply, readBody } from './http.ts';
import {
  type Branch,
  type CommitLine,
  isSafePath,
  lfsEntry,
  needsLfs,
  regularEntry,
  track,
} from './repo.ts';

export async function commit(call: InRepo): Promise<Reply> {
  const { branch, state } = call;
  const text = (await readBody(call.request)).toString('utf8');
  const [header, ...changes] = text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as CommitLine);
  const { summary, parentCommit } = (header?.value ?? {}) as {
    summary?: string;
    parentCommit?: string;
  };
  if (header?.key !== 'header' || !summary) {
    return refuse(400, 'The first line must be a header with a summary');
  }
  const { head } = branch;
  if (parentCommit !== undefined && parentCommit !== head) {
    return raceLost;
  }
  const refusal = await checkChanges(call, changes);
  if (refusal !== undefined) {
    return refusal;
  }
  if (state.commitMs > 0) {
    await new Promise((resolve) => setTimeout(resolve, state.commitMs));
  }
  if (branch.head !== head) {
    return raceLost;
  }
  for (const change of changes) {
    apply(branch, change);
  }
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

async function checkChanges(
  call: InRepo,
  changes: readonly CommitLine[],
): Promise<Reply | undefined> {
  const paths = changes.map(({ value }) => String(value.path));
  if (new Set(paths).size !== paths.length) {
    return refuse(400, 'Duplicate paths in commit');
  }
  if (!paths.every(isSafePath)) {
    return refuse(400, 'Invalid path in commit');
  }
  for (const change of changes) {
    const refusal = await checkChange(call, change);
    if (refusal !== undefined) {
      return refusal;
    }
  }
  return undefined;
}

async function checkChange(
  { branch, repo, state }: InRepo,
  { key, value }: CommitLine,
): Promise<Reply | undefined> {
  const path = String(value.path);
  if (key === 'deletedFile') {
    return branch.files.has(path)
      ? undefined
      : refuse(404, `Entry not found: ${path}`, 'EntryNotFound');
  }
  if (key === 'lfsFile') {
    const known =
      value.algo === 'sha256' &&
      (await state.storage.sizeOf(repo.name, String(value.oid))) !== undefined;
    const words =
      'Your push was rejected because an LFS pointer pointed to a file that does not exist. Offending file: - ';
    return known ? undefined : refuse(400, words + path);
  }
  if (key !== 'file') {
    return refuse(400, `Unknown operation ${key}`);
  }
  const content = contentOf(value);
  const words =
    'Your push was rejected because it contains binary files. Please use https://huggingface.co/docs/hub/xet to store binary files. Offending files: - ';
  const large =
    content.length > 0 &&
    needsLfs(branch, { path, size: content.length, sample: content.subarray(0, 512) });
  return large ? refuse(400, words + path) : undefined;
}

function contentOf(value: CommitLine['value']): Buffer {
  return Buffer.from(String(value.content), value.encoding === 'base64' ? 'base64' : 'utf8');
}

function apply(branch: Branch, { key, value }: CommitLine): void {
  const path = String(value.path);
  if (key === 'deletedFile') {
    return void branch.files.delete(path);
  }
  if (key === 'file') {
    return void branch.files.set(path, regularEntry(contentOf(value)));
  }
  track(branch, path);
  branch.files.set(path, lfsEntry(String(value.oid), Number(value.size)));
}
