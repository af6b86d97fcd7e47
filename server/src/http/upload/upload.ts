import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { fail, type StowageError } from '../../core/errors.ts';
import { named } from '../openapi/named.ts';
import { queryOf } from '../query.ts';
import { type CallerContext, json, route } from '../route.ts';
import { exampleFields, exampleUploadId } from './chunked/chunk-fields.ts';
import {
  chunkedCleaned,
  chunkedCleanupForm,
  cleanedExample,
  cleanupAnswers,
  cleanupChunks,
} from './chunked/cleanup-chunks.ts';
import {
  chunkedInitForm,
  chunkedStarted,
  initChunked,
  startedExample,
} from './chunked/init-chunked.ts';
import { chunkedMergeForm, mergeChunked } from './chunked/merge-chunked.ts';
import { chunkExample, chunkForm, chunkStored, putChunk } from './chunked/put-chunk.ts';
import { noticeOf } from './notice.ts';
import { uploadQuery } from './parameters.ts';
import { uploaded } from './present.ts';
import { uploadFailures } from './upload-failures.ts';
import { uploadFile, uploadFileForm } from './upload-file.ts';

const uploadForm = named('UploadForm', () =>
  z.union([
    uploadFileForm(),
    chunkedInitForm(),
    chunkForm(),
    chunkedMergeForm(),
    chunkedCleanupForm(),
  ]),
);

/** Steps without a file may come as `application/x-www-form-urlencoded`. */
const uploadFields = named('UploadFields', () =>
  z.union([chunkedInitForm(), chunkedMergeForm(), chunkedCleanupForm()]),
);

const uploadAnswer = named('UploadAnswer', () =>
  z.union([uploaded(), chunkedStarted(), chunkStored(), chunkedCleaned()]),
);

const examples = {
  file: { summary: 'A file is stored, or merged', value: [{ src: '/file/abc123_image.jpg' }] },
  full: {
    summary: 'With returnFormat=full',
    value: [{ src: 'https://media.example/file/abc123_image.jpg' }],
  },
  publicUrl: {
    summary: 'With a configured prefix',
    value: [{ src: '/file/abc123_image.jpg', publicUrl: 'https://cdn.example/abc123_image.jpg' }],
  },
  chunkedInit: startedExample,
  chunk: chunkExample,
  cleanup: cleanedExample,
};

export const upload = route({
  id: 'upload',
  method: ['POST', 'GET', 'HEAD', 'PUT', 'PATCH', 'DELETE'],
  path: '/upload',
  changes: true,
  permission: 'upload',
  tag: 'Upload',
  summary: 'Store files, at once or in chunks',
  description: `One address, five operations; the query chooses:

| query | what it does | form |
|---|---|---|
| none of these | stores whole files and returns a link for each in the same order; when one fails, none is kept | \`file\`, once or more |
| \`initChunked=true\` | starts a chunked upload | \`originalFileName\`, \`originalFileType\`, \`totalChunks\` |
| \`chunked=true\` | takes one chunk | those, \`uploadId\`, \`chunkIndex\`, then \`file\` |
| \`chunked=true&merge=true\` | joins the chunks into a file | those without \`file\` and \`chunkIndex\` |
| \`cleanup=true\` | cancels a chunked upload | \`uploadId\`, here or in the query |

Chunks may come in any order, in parallel, and again. A merge that fails keeps the chunks: send what is missing and merge again. The maximum is 1024 bytes for \`originalFileName\`, 255 for \`originalFileType\`, and for all chunks together the maximum size of a file (413 for the first chunk that exceeds it).
A caller with too many unfinished uploads gets 429; see \`media.maxOpenUploads\`. When a token is revoked during a transfer, the response is 401 and none of the bytes are kept. A 200 means that the bytes are stored.

The other query parameters may also be form fields; the query takes precedence. Unknown parameters and values are ignored; the header \`X-Stowage-Notice\` names them. The header \`X-Stowage-Channel\` names the channel of the file or of the chunks, as \`uploadChannel/channelName\` (the name percent-encoded; several, separated by commas, when the files of a form are on different channels). Any method does the same.`,
  request: {
    query: uploadQuery,
    body: {
      required: true,
      content: {
        'multipart/form-data': { schema: uploadForm },
        'application/x-www-form-urlencoded': {
          schema: uploadFields,
          examples: {
            init: { value: exampleFields },
            merge: { value: { ...exampleFields, uploadId: exampleUploadId } },
          },
        },
      },
    },
  },
  answers: {
    200: {
      description: 'Done; the shape depends on the operation.',
      headers: ['X-Request-Id'],
      content: json(uploadAnswer, examples),
    },
    ...cleanupAnswers,
  },
  failures: uploadFailures,
  // A person has opened the address in a browser: "Unauthorized" would not explain what it is.
  before({ request, reply }) {
    if (isVisit(request) && request.headers.accept?.includes('text/html')) {
      throw onlyPosts(reply);
    }
  },
  handler: dispatch,
});

/**
 * Upload API 1.1: the query chooses, by the exact string `true`; nothing of the body is read before
 * the caller is known.
 */
async function dispatch(context: CallerContext): Promise<FastifyReply> {
  const { request, reply } = context;
  if (isVisit(request)) {
    throw onlyPosts(reply);
  }
  const query = queryOf(request.url);
  const notice = noticeOf(query);
  if (notice !== undefined) {
    reply.header('x-stowage-notice', notice);
  }
  if (query.cleanup === 'true') {
    return cleanupChunks(context);
  }
  if (query.initChunked === 'true') {
    return initChunked(context);
  }
  if (query.chunked === 'true' && query.merge === 'true') {
    return mergeChunked(context);
  }
  if (query.chunked === 'true') {
    return putChunk(context);
  }
  return uploadFile(context);
}

/** A request that brings nothing, and asks for nothing that needs no body. */
function isVisit({ method, headers, url }: FastifyRequest): boolean {
  if ((method !== 'GET' && method !== 'HEAD') || headers['content-type'] !== undefined) {
    return false;
  }
  const query = queryOf(url);
  return !['cleanup', 'initChunked', 'chunked'].some((name) => query[name] === 'true');
}

function onlyPosts(reply: FastifyReply): StowageError {
  reply.header('allow', 'POST');
  return fail('method_not_allowed', {
    message: 'Method not allowed: send files here by POST, as multipart/form-data; see /docs',
  });
}
