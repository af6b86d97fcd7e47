import { z } from 'zod';
import { readJsonObject } from '../../body/json-body.ts';
import { named } from '../../openapi/named.ts';
import { note } from '../../request-notes.ts';
import { json, route } from '../../route.ts';
import { authCodeQuery } from '../parameters.ts';
import { holdersOf, linkTo, publicUrlOf, setChannelHeaders } from '../present.ts';
import {
  channelName,
  directDialect,
  directFailures,
  exampleDirect,
  fileSize,
  missingCommitFields,
  notArrived,
  notIssued,
  readDirectCommit,
  sha256,
} from './wire.ts';

const directCommitRequest = named('DirectCommitRequest', () =>
  z.object({
    fullId: z.string().min(1),
    filePath: z.string().min(1),
    sha256: sha256(),
    fileSize: fileSize(),
    fileName: z.string().optional(),
    fileType: z.string().optional(),
    channelName: channelName(),
  }),
);

const directCommitAnswer = named('DirectCommitAnswer', () =>
  z.strictObject({
    success: z.literal(true),
    src: z.string().meta({ description: 'Link to the file here.' }),
    fileUrl: z.string().meta({ description: 'Address of the file at Hugging Face.' }),
    fullId: z.string(),
    publicUrl: z
      .string()
      .optional()
      .meta({ description: 'With the configured prefix; only when there is one.' }),
  }),
);

const exampleAnswer = {
  success: true,
  src: `/file/${exampleDirect.fullId}`,
  fileUrl: `https://huggingface.co/datasets/username/repo-name/resolve/main/${exampleDirect.filePath}`,
  fullId: exampleDirect.fullId,
};

/** Upload API 3.4: only what step 1 issued to this caller; nothing is ever overwritten. */
export const commitUpload = route({
  id: 'commitHuggingFaceUpload',
  method: 'POST',
  path: '/upload/huggingface/commitUpload',
  permission: 'upload',
  tag: 'Hugging Face',
  summary: 'Make the uploaded bytes a file',
  description:
    'Step 3 of 3. Takes only what step 1 issued to the same caller; safe to repeat. Nothing is overwritten.',
  request: {
    query: authCodeQuery,
    body: {
      required: true,
      content: json(directCommitRequest, { video: { value: exampleDirect } }),
    },
  },
  answers: {
    200: {
      description: 'The file is in the library.',
      headers: ['X-Request-Id'],
      content: json(directCommitAnswer, { video: { value: exampleAnswer } }),
    },
  },
  failures: [
    ...directFailures,
    missingCommitFields,
    notIssued,
    { code: 'not_found', message: 'The file was deleted.' },
    notArrived,
  ],
  dialect: directDialect,
  async handler({ request, reply, caller, deps }) {
    note(request.raw, { upload: 'direct' });
    const { stored, url } = await deps.direct.commit(
      readDirectCommit(await readJsonObject(request.raw)),
      caller,
    );
    const { path } = stored.file;
    setChannelHeaders(reply, holdersOf([stored], deps));
    note(request.raw, { file: path });
    return reply.send({
      success: true,
      src: linkTo(path),
      fileUrl: url,
      fullId: path,
      publicUrl: publicUrlOf(path, deps.settings),
    });
  },
});
