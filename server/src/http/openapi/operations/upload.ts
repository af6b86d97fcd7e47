import { joined, textFailures } from '../failures.ts';
import type { Operation } from '../operation.ts';
import { channelsAnswer, chunkedStatus, cleanupRefusal, uploadAnswer, uploadFields, uploadForm } from '../schemas/upload.ts';
import { chunkedFailures, fileFailures, uploadAlways } from './upload-failures.ts';
import { channelsQuery, statusQuery, uploadQuery } from './upload-parameters.ts';

const tag = 'Upload';
const uploadId = 'upload_1775822400000_k3f9q2x7m';

const answers = {
  file: { summary: 'A file is stored, or merged', value: [{ src: '/file/abc123_image.jpg' }] },
  full: { summary: 'With returnFormat=full', value: [{ src: 'https://media.example/file/abc123_image.jpg' }] },
  publicUrl: {
    summary: 'With a configured prefix',
    value: [{ src: '/file/abc123_image.jpg', publicUrl: 'https://cdn.example/abc123_image.jpg' }],
  },
  chunkedInit: {
    summary: 'A chunked upload is started',
    value: {
      success: true,
      uploadId,
      sessionInfo: { uploadId, originalFileName: 'video.mp4', totalChunks: 5, uploadChannel: 'telegram' },
    },
  },
  chunk: {
    summary: 'A chunk is stored',
    value: { success: true, message: 'Chunk 1/5 received and being uploaded', uploadId, chunkIndex: 0 },
  },
  cleanup: {
    summary: 'A chunked upload is dropped',
    value: { success: true, message: `Cleanup completed for upload ${uploadId}`, uploadId, cleanedChunks: 5 },
  },
};

const fields = { originalFileName: 'video.mp4', originalFileType: 'video/mp4', totalChunks: 5 };

export const uploadOperations: readonly Operation[] = [
  {
    id: 'upload',
    method: 'post',
    path: '/upload',
    tag,
    summary: 'Store files, at once or in chunks',
    description: `One address, five things; the query chooses:

| query | what it does | form |
|---|---|---|
| none of these | stores whole files, and answers a link for each in the same order; when one fails, none is kept | \`file\`, once or more |
| \`initChunked=true\` | starts a chunked upload | \`originalFileName\`, \`originalFileType\`, \`totalChunks\` |
| \`chunked=true\` | takes one chunk | those, \`file\`, \`uploadId\`, \`chunkIndex\` |
| \`chunked=true&merge=true\` | joins the chunks to a file | those without \`file\` and \`chunkIndex\` |
| \`cleanup=true\` | gives a chunked upload up | \`uploadId\`, here or in the query |

Chunks may come in any order, in parallel, and again. A merge that fails keeps the chunks: send what is missing and merge again. \`originalFileName\` has at most 1024 bytes, \`originalFileType\` 255, and all chunks together at most what a file may have (413 as soon as one is too much).
A caller with too many unfinished uploads gets 429; see \`media.maxOpenUploads\`. A token that is revoked while a body comes in gets 401, and nothing of it is kept. A 200 means that the bytes are stored.

The other query parameters may also be form fields; the query counts first. Unknown parameters and values are ignored; the header \`X-Stowage-Notice\` names them. The header \`X-Stowage-Channel\` says where a file is, or its chunks go, as \`uploadChannel/channelName\` (the name percent-encoded; several, separated by commas, when the files of a form lie apart). Any method does the same.`,
    access: 'upload',
    parameters: { query: uploadQuery },
    body: {
      required: true,
      content: {
        'multipart/form-data': { schema: uploadForm },
        'application/x-www-form-urlencoded': {
          schema: uploadFields,
          examples: { init: { value: fields }, merge: { value: { ...fields, uploadId } } },
        },
      },
    },
    answers: joined(
      {
        200: {
          description: 'Done; the shape depends on what was asked.',
          headers: ['X-Request-Id'],
          content: { 'application/json': { schema: uploadAnswer, examples: answers } },
        },
        400: {
          description: 'The request is not valid.',
          content: {
            'application/json': {
              schema: cleanupRefusal,
              examples: { cleanup: { summary: 'Nothing to clean up was named', value: { error: 'Missing uploadId parameter' } } },
            },
          },
        },
        500: {
          description: 'Something failed on our side; a later try may work.',
          content: {
            'application/json': {
              schema: cleanupRefusal,
              examples: {
                cleanup: {
                  summary: 'Cleaning up failed',
                  value: { error: 'Cleanup failed: Something went wrong on our side.', uploadId },
                },
              },
            },
          },
        },
      },
      textFailures([...uploadAlways, ...fileFailures, ...chunkedFailures]),
    ),
  },
  {
    id: 'getChunkedUpload',
    method: 'get',
    path: '/upload/status',
    tag,
    summary: 'What a chunked upload has',
    description: 'For going on after a crash: which chunks are stored, and the link once they are merged.',
    access: 'upload',
    parameters: { query: statusQuery },
    answers: joined(
      {
        200: {
          description: 'The state of the upload.',
          headers: ['X-Request-Id'],
          content: {
            'application/json': {
              schema: chunkedStatus,
              examples: {
                open: {
                  value: {
                    success: true,
                    uploadId,
                    status: 'open',
                    originalFileName: 'video.mp4',
                    totalChunks: 5,
                    uploadedChunks: [0, 1, 3],
                    expiresAt: '2026-04-11T12:00:00.000Z',
                  },
                },
              },
            },
          },
        },
      },
      textFailures([
        ...uploadAlways,
        { code: 'bad_request', message: 'Missing uploadId parameter' },
        { code: 'bad_request', as: 'no_session', message: 'Invalid or expired upload session' },
        { code: 'gone', message: 'Upload session expired' },
      ]),
    ),
  },
  {
    id: 'listChannels',
    method: 'get',
    path: '/api/channels',
    tag,
    summary: 'Channels to upload to',
    description: 'What `uploadChannel` and `channelName` of an upload may choose from.',
    access: 'upload',
    parameters: { query: channelsQuery },
    answers: joined(
      {
        200: {
          description: 'Channels by group.',
          headers: ['X-Request-Id'],
          content: {
            'application/json': {
              schema: channelsAnswer,
              examples: {
                two: {
                  value: {
                    ...{ telegram: [], cfr2: [], discord: [], huggingface: [], webdav: [] },
                    s3: [{ name: 'main', type: 'S3' }],
                    local: [{ name: 'local', type: 'Local' }],
                  },
                },
              },
            },
          },
        },
        401: {
          description: 'No valid credentials.',
          content: {
            'application/json': {
              schema: cleanupRefusal,
              examples: { unauthorized: { summary: 'Nor an upload code', value: { error: 'Unauthorized' } } },
            },
          },
        },
      },
      textFailures(uploadAlways.filter((failure) => failure !== 'unauthorized')),
    ),
  },
];
