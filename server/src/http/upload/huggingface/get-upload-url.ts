import { z } from 'zod';
import { nameModes } from '../../../core/naming/file-id.ts';
import { cleanFolder } from '../../../core/naming/folder.ts';
import type { DirectTicket } from '../../../core/uploads/direct/direct-start.ts';
import { requestOrigin } from '../../address/request-origin.ts';
import { readJsonObject } from '../../body/json-body.ts';
import { directUrl } from '../../direct-url.ts';
import { named } from '../../openapi/named.ts';
import { type Context, json, route } from '../../route.ts';
import { authCodeQuery } from '../parameters.ts';
import {
  channelName,
  directDialect,
  directFailures,
  exampleDirect,
  fileSize,
  missingStartFields,
  noChannel,
  readDirectRequest,
  sha256,
} from './wire.ts';

const completionTtlMs = 24 * 3_600_000;

const directUploadRequest = named('DirectUploadRequest', () =>
  z.object({
    fileName: z.string().min(1),
    fileType: z.string().optional(),
    fileSize: fileSize(),
    sha256: sha256(),
    fileSample: z.base64().meta({ description: 'The first 512 bytes, base64.' }),
    channelName: channelName(),
    uploadNameType: z.enum(nameModes).optional().meta({ description: 'As in POST /upload.' }),
    uploadFolder: z.string().optional().meta({ description: 'As in POST /upload.' }),
  }),
);

const directUploadAnswer = named('DirectUploadAnswer', () =>
  z.strictObject({
    success: z.literal(true),
    fullId: z.string().meta({ description: 'Path of the file to be; for `commitUpload`.' }),
    filePath: z.string().meta({ description: 'Path inside the repository; for `commitUpload`.' }),
    channelName: z.string(),
    repo: z.string(),
    isPrivate: z.boolean(),
    needsLfs: z.boolean().meta({ description: 'False: nothing to upload, commit at once.' }),
    alreadyExists: z
      .boolean()
      .meta({ description: 'True: Hugging Face has these bytes, commit at once.' }),
    oid: z.string(),
    uploadAction: z
      .strictObject({
        href: z.url().meta({
          description:
            'Where to PUT the file; with `chunk_size`, where to POST the list of parts at the end.',
        }),
        header: z.record(z.string(), z.string()).meta({
          description:
            'Headers of the PUT. With `chunk_size` (bytes of a part) there is one address per part instead: `00001`, `00002`, ...',
        }),
      })
      .optional(),
  }),
);

const { fullId, filePath, sha256: exampleSha256 } = exampleDirect;

const exampleRequest = {
  fileName: 'large-video.mp4',
  fileType: 'video/mp4',
  fileSize: exampleDirect.fileSize,
  sha256: exampleSha256,
  fileSample: 'AAAAIGZ0eXBpc29t',
  channelName: 'my-hf-channel',
  uploadNameType: 'default',
  uploadFolder: 'videos',
};

const exampleAnswer = {
  success: true,
  fullId,
  filePath,
  channelName: 'my-hf-channel',
  repo: 'username/repo-name',
  isPrivate: false,
  needsLfs: true,
  alreadyExists: false,
  oid: exampleSha256,
  uploadAction: {
    href: 'https://storage.example/lfs/e3b0c442',
    header: { 'Content-Type': 'video/mp4' },
  },
};

/** Upload API 3.2: `oid` and `alreadyExists` always, header values as strings. */
export const getUploadUrl = route({
  id: 'getHuggingFaceUploadUrl',
  method: 'POST',
  path: '/upload/huggingface/getUploadUrl',
  permission: 'upload',
  tag: 'Hugging Face',
  summary: 'Where to upload to Hugging Face',
  description:
    'Step 1 of 3. The bytes go straight to Hugging Face: PUT them to `uploadAction.href`, or part by part when `uploadAction.header` has a `chunk_size`. Then commit. Nothing needs uploading when there is no `uploadAction`. Only callers who may list files, or who uploaded these bytes before, learn that the repository already has them. All others upload them to this server instead before they can commit.',
  request: {
    query: authCodeQuery,
    body: {
      required: true,
      content: json(directUploadRequest, { video: { value: exampleRequest } }),
    },
  },
  answers: {
    200: {
      description: 'Where and how to upload.',
      headers: ['X-Request-Id'],
      content: json(directUploadAnswer, { video: { value: exampleAnswer } }),
    },
  },
  failures: [
    ...directFailures,
    missingStartFields,
    noChannel,
    { code: 'conflict', message: 'Too many files of this name.' },
  ],
  dialect: directDialect,
  async handler(context) {
    const { request, reply, caller, deps } = context;
    const wanted = readDirectRequest(await readJsonObject(request.raw));
    const { ip } = request;
    const ticket = await deps.direct.start(
      { ...wanted, folder: cleanFolder(wanted.folder), ip },
      caller,
    );
    const { plan, path, channelName, repo, isPrivate } = ticket;
    const uploadAction = actionOf(ticket, wanted.size, context);
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
      uploadAction,
    });
  },
});

type Action = { readonly href: string; readonly header: Readonly<Record<string, string>> };

function actionOf(
  { plan, proof, channelName }: DirectTicket,
  size: number,
  context: Context,
): Action | undefined {
  if (proof === undefined) {
    return plan.uploadAction && withOwnCompletion(plan.uploadAction, channelName, context);
  }
  const { request, deps } = context;
  return {
    href: `${requestOrigin(request.raw, deps.settings)}${directUrl(proof, size, deps.signer)}`,
    header: {},
  };
}

/**
 * Upload API 3.3: browsers cannot reach the hub's own completion address (no CORS), so it is
 * rewritten to ours; the signature in it stands for the credentials, which clients do not send
 * there.
 */
function withOwnCompletion(
  action: Action,
  channelName: string,
  { request, deps }: Context,
): Action {
  if (action.header.chunk_size === undefined) {
    return action;
  }
  const id = `${deps.direct.channelId(channelName)} ${action.href}`;
  const sig = deps.signer.sign({
    id,
    purpose: 'hf-complete',
    expiresAt: deps.now() + completionTtlMs,
  });
  const query = new URLSearchParams({ target: action.href, channelName, sig });
  return {
    ...action,
    href: `${requestOrigin(request.raw, deps.settings)}/upload/huggingface/completeMultipart?${query}`,
  };
}
