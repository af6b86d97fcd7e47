import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Json } from '../../core/bytes.ts';
import type { DirectPlan, DirectStart, DirectUpload, PutResult } from '../../core/channel.ts';
import { fail, isStowageError } from '../../core/errors.ts';
import type { Hub } from './api.ts';
import { type Change, inEffect } from './committer.ts';
import { errorWords } from './hub-errors.ts';
import { lfsHeaders } from './lfs.ts';
import { proveStored } from './proof.ts';
import { type Repository, sampleBytes } from './store.ts';
import type { LfsAction } from './wire.ts';

const stateSchema = z.object({
  path: z.string(),
  oid: z.string(),
  size: z.number(),
  /**
   * Base64 of the whole file, when it is so small that the sample holds it and the hub wants it
   * outside LFS.
   */
  content: z.string().optional(),
  /** The hub had the object before this client could upload it. */
  foreign: z.boolean(),
});
type State = z.infer<typeof stateSchema>;

const completionSchema = z.object({
  oid: z.string(),
  parts: z.array(z.object({ partNumber: z.int().positive(), etag: z.string() })).min(1),
});

export function createDirectUpload(repository: Repository, isPrivate: boolean): DirectUpload {
  const { hub } = repository;
  return {
    repo: hub.repo,
    isPrivate,
    start: (options) => repository.inside(options.signal, () => start(repository, options)),
    completeMultipart: (target, body, { signal }) =>
      completeMultipart(hub, { target, body, signal }),
    commit: (state, { signal }) =>
      repository.inside(signal, () => commit(repository, stateSchema.parse(state), signal)),
  };
}

async function start(repository: Repository, options: DirectStart): Promise<DirectPlan> {
  const { hub, committer } = repository;
  const { size, signal } = options;
  const oid = options.sha256.toLowerCase();
  const filePath = repository.pathOf(options.key);
  committer.assertOpen();
  const sample = options.sample.subarray(0, sampleBytes);
  const mode = await hub.preupload({ path: filePath, size, sample }, signal);
  if (mode === 'regular' && sample.length === size) {
    if (createHash('sha256').update(sample).digest('hex') !== oid) {
      throw fail('checksum_mismatch');
    }
    const state: State = {
      path: filePath,
      oid,
      size,
      foreign: false,
      content: Buffer.from(sample).toString('base64'),
    };
    return { filePath, needsLfs: false, alreadyExists: false, state };
  }
  // Text beyond the sample: the hub takes LFS for any path (a commit adds it to .gitattributes),
  // and we never see the bytes.
  const { upload } = await hub.lfsUploadActions({ oid, size }, signal);
  const state: State = { path: filePath, oid, size, foreign: upload === undefined };
  const plan = { filePath, needsLfs: true, alreadyExists: state.foreign, state };
  return upload === undefined ? plan : { ...plan, uploadAction: publicAction(hub, upload) };
}

/** A link that only works with our token cannot be given away. */
function publicAction(hub: Hub, action: LfsAction): LfsAction {
  const text = JSON.stringify(action);
  if (
    hub.http.redact(text) !== text ||
    Object.keys(action.header).some((name) => name.toLowerCase() === 'authorization')
  ) {
    throw fail('channel_refused', {
      message:
        'This Hugging Face endpoint issues no upload links for clients; use the basic upload.',
    });
  }
  return action;
}

interface Completion {
  readonly target: string;
  readonly body: Json;
  readonly signal: AbortSignal;
}

async function completeMultipart(hub: Hub, { target, body, signal }: Completion): Promise<Json> {
  const url = completionUrl(hub, target);
  const payload = completionSchema.safeParse(body);
  if (!payload.success) {
    throw fail('bad_request', { message: 'Invalid multipart completion payload' });
  }
  // The link is signed: no token of ours goes along.
  const response = await hub.http.send({
    method: 'POST',
    url,
    headers: lfsHeaders,
    body: JSON.stringify(payload.data),
    signal,
  });
  if (response.status >= 200 && response.status < 300) {
    return ((await response.json()) as Json | undefined) ?? { success: true };
  }
  const words = await errorWords(response, hub.http.redact);
  // The Upload API passes the upstream's status and words on.
  throw fail(response.status >= 500 ? 'channel_unavailable' : 'channel_refused', {
    status: response.status,
    message: words || 'Completion failed',
  });
}

/** Only the completion address of our own hub, lest this becomes a way to post anywhere. */
function completionUrl(hub: Hub, target: string): URL {
  const wanted = new URL(`${hub.base}/api/complete_multipart`);
  const url = URL.parse(hub.atEndpoint(target));
  const ours =
    url !== null &&
    url.origin === wanted.origin &&
    url.pathname === wanted.pathname &&
    url.username === '' &&
    url.password === '';
  if (!ours) {
    throw fail('bad_request', { message: 'Invalid multipart completion target' });
  }
  return url;
}

async function commit(
  repository: Repository,
  state: State,
  signal: AbortSignal,
): Promise<PutResult & { readonly url: string }> {
  const { hub, committer } = repository;
  const { path, size } = state;
  const change = changeOf(state);
  const found = (await hub.pathsInfo([path], signal)).get(path);
  if (found !== undefined && !inEffect(change, found)) {
    throw fail('conflict', { message: 'Another file is stored at this path.' });
  }
  if (found === undefined) {
    if (change.kind === 'lfs') {
      await proveArrival(hub, state, signal);
    }
    await committer.apply(change, signal).catch((error: unknown) => {
      throw isDanglingPointer(error) ? notArrived(error) : error;
    });
  }
  const { oid, foreign } = state;
  if (change.kind === 'lfs') {
    await proveStored(repository, { path, oid, size, foreign, signal });
  }
  return { ref: { path }, size, url: hub.resolveUrl(path) };
}

function changeOf({ path, oid, size, content }: State): Change {
  return content === undefined
    ? { kind: 'lfs', path, oid, size }
    : { kind: 'regular', path, content: Buffer.from(content, 'base64') };
}

/**
 * An object the hub still offers to take is not there, unless its own check finds that it has
 * arrived since.
 */
async function proveArrival(hub: Hub, object: State, signal: AbortSignal): Promise<void> {
  const { upload, verify } = await hub.lfsUploadActions(object, signal);
  // Without a check of its own the hub decides at the commit: it refuses pointers to nothing.
  if (upload === undefined || verify === undefined) {
    return;
  }
  await hub.lfsVerify(verify, object, signal).catch((error: unknown) => {
    const refused = isStowageError(error, 'channel_refused') || isStowageError(error, 'not_found');
    throw refused ? notArrived(error) : error;
  });
}

function isDanglingPointer(error: unknown): boolean {
  return (
    isStowageError(error, 'channel_refused') && /lfs pointer|does not exist/i.test(error.message)
  );
}

function notArrived(cause: unknown) {
  const message = 'The file has not arrived at Hugging Face: upload it to uploadAction.href first.';
  return fail('upload_not_received', { message, cause });
}
