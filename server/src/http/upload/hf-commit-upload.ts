import type { FastifyReply, FastifyRequest } from 'fastify';
import { authenticateUpload } from '../authenticate.ts';
import type { HttpDeps } from '../deps.ts';
import { readJsonObject } from '../json-body.ts';
import { note } from '../request-notes.ts';
import { readDirectCommit, sayDirectError } from './hf-wire.ts';
import { holdersOf, linkTo, publicUrl, sayChannels } from './present.ts';

/** Upload API 3.4: only what step 1 issued to this caller; nothing is ever overwritten. */
export async function commitUpload(request: FastifyRequest, reply: FastifyReply, deps: HttpDeps): Promise<FastifyReply> {
  const caller = await authenticateUpload(request.raw, 'upload', deps);
  note(request.raw, { upload: 'direct' });
  try {
    const { stored, url } = await deps.direct.commit(readDirectCommit(await readJsonObject(request.raw)), caller);
    const { path } = stored.file;
    sayChannels(reply, holdersOf([stored], deps));
    note(request.raw, { file: path });
    return reply.send({ success: true, src: linkTo(path), fileUrl: url, fullId: path, ...publicUrl(path, deps.settings) });
  } catch (error) {
    return sayDirectError(error, reply, deps, request);
  }
}
