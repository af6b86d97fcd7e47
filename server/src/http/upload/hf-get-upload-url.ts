import type { FastifyReply, FastifyRequest } from 'fastify';
import type { DirectTicket } from '../../core/direct-upload.ts';
import { cleanFolder } from '../../core/folder.ts';
import { authenticateUpload } from '../authenticate.ts';
import { clientAddress, requestOrigin } from '../client-address.ts';
import type { HttpDeps } from '../deps.ts';
import { readJsonObject } from '../json-body.ts';
import { directUrl } from '../relay/direct-url.ts';
import { readDirectRequest, sayDirectError } from './hf-wire.ts';

const completionTtlMs = 24 * 3_600_000;

/** Upload API 3.2: `oid` and `alreadyExists` always, header values as strings. */
export async function getUploadUrl(request: FastifyRequest, reply: FastifyReply, deps: HttpDeps): Promise<FastifyReply> {
  const caller = await authenticateUpload(request.raw, 'upload', deps);
  try {
    const wanted = readDirectRequest(await readJsonObject(request.raw));
    const ip = clientAddress(request.raw, deps.settings.trustProxy);
    const ticket = await deps.direct.start({ ...wanted, folder: cleanFolder(wanted.folder), ip }, caller);
    const { plan, path, channelName, repo, isPrivate } = ticket;
    const uploadAction = actionOf(ticket, wanted.size, request, deps);
    return reply.header('cache-control', 'no-store').send({
      success: true,
      fullId: path,
      filePath: plan.filePath,
      channelName,
      repo,
      isPrivate,
      needsLfs: plan.needsLfs,
      alreadyExists: plan.alreadyExists,
      oid: wanted.sha256,
      ...(uploadAction && { uploadAction }),
    });
  } catch (error) {
    return sayDirectError(error, reply, deps, request);
  }
}

type Action = { readonly href: string; readonly header: Readonly<Record<string, string>> };

function actionOf(
  { plan, proof, channelName }: DirectTicket,
  size: number,
  request: FastifyRequest,
  deps: HttpDeps,
): Action | undefined {
  if (proof === undefined) return plan.uploadAction && withOwnCompletion(plan.uploadAction, channelName, request, deps);
  return { href: `${requestOrigin(request.raw, deps.settings)}${directUrl(proof, size, deps)}`, header: {} };
}

/**
 * Upload API 3.3: browsers cannot reach the hub's own completion address (no CORS), so it is rewritten to ours; the signature in it stands for the
 * credentials, which clients do not send there.
 */
function withOwnCompletion(action: Action, channelName: string, request: FastifyRequest, deps: HttpDeps): Action {
  if (action.header.chunk_size === undefined) return action;
  const id = `${deps.direct.channelId(channelName)} ${action.href}`;
  const sig = deps.signer.sign({ id, purpose: 'hf-complete', expiresAt: deps.now() + completionTtlMs });
  const query = new URLSearchParams({ target: action.href, channelName, sig });
  return { ...action, href: `${requestOrigin(request.raw, deps.settings)}/upload/huggingface/completeMultipart?${query}` };
}
