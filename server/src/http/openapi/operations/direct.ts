import { directFailures, type OldFailure as Failure, joined, textFailures } from '../failures.ts';
import type { Answers, Operation } from '../operation.ts';
import {
  directCommitAnswer,
  directCommitRequest,
  directParts,
  directPartsAnswer,
  directUploadAnswer,
  directUploadRequest,
} from '../schemas/direct.ts';
import { uploadAlways } from './upload-failures.ts';
import { authCodeQuery, completionQuery } from './upload-parameters.ts';

const base = '/upload/huggingface';
const tag = 'Hugging Face';

const sha256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
const fullId = 'videos/1775822400000_large-video.mp4';
const filePath = 'videos/a1b2c3d4_1775822400000_large-video.mp4';

const shared: readonly Failure[] = [
  'invalid_json',
  { code: 'validation_error', message: 'The request body must be a JSON object.' },
  { code: 'bad_request', as: 'sha256', message: 'sha256 must be 64 hexadecimal characters' },
  { code: 'too_large', message: 'The file is larger than allowed.' },
  { code: 'channel_refused', status: 500, message: 'Hugging Face answered 422: invalid oid.' },
  'channel_rate_limited',
  'service_unavailable',
];

function answers(success: Answers, failures: readonly Failure[]): Answers {
  return joined(success, textFailures(uploadAlways), directFailures([...shared, ...failures]));
}

export const directOperations: readonly Operation[] = [
  {
    id: 'getHuggingFaceUploadUrl',
    method: 'post',
    path: `${base}/getUploadUrl`,
    tag,
    summary: 'Where to upload to Hugging Face',
    description:
      'Step 1 of 3. The bytes go straight to Hugging Face: PUT them to `uploadAction.href`, or part by part when `uploadAction.header` has a `chunk_size`. Then commit. Nothing needs uploading when there is no `uploadAction`. Bytes that are in the repository already are said to be there only to callers who may list files or uploaded them before; all others upload them, here instead of there, before they can commit.',
    access: 'upload',
    parameters: { query: authCodeQuery },
    body: {
      required: true,
      content: {
        'application/json': {
          schema: directUploadRequest,
          examples: {
            video: {
              value: {
                fileName: 'large-video.mp4',
                fileType: 'video/mp4',
                fileSize: 524_288_000,
                sha256,
                fileSample: 'AAAAIGZ0eXBpc29t',
                channelName: 'my-hf-channel',
                uploadNameType: 'default',
                uploadFolder: 'videos',
              },
            },
          },
        },
      },
    },
    answers: answers(
      {
        200: {
          description: 'Where and how to upload.',
          headers: ['X-Request-Id'],
          content: {
            'application/json': {
              schema: directUploadAnswer,
              examples: {
                video: {
                  value: {
                    success: true,
                    ...{ fullId, filePath },
                    channelName: 'my-hf-channel',
                    repo: 'username/repo-name',
                    isPrivate: false,
                    needsLfs: true,
                    alreadyExists: false,
                    oid: sha256,
                    uploadAction: { href: 'https://storage.example/lfs/e3b0c442', header: { 'Content-Type': 'video/mp4' } },
                  },
                },
              },
            },
          },
        },
      },
      [
        { code: 'bad_request', as: 'fields', message: 'Missing required fields: fileSize, fileName, sha256, fileSample' },
        { code: 'bad_request', as: 'channel', message: 'No HuggingFace channel configured' },
        { code: 'conflict', message: 'Too many files of this name.' },
      ],
    ),
  },
  {
    id: 'commitHuggingFaceUpload',
    method: 'post',
    path: `${base}/commitUpload`,
    tag,
    summary: 'Make the uploaded bytes a file',
    description: 'Step 3 of 3. Takes only what step 1 issued to the same caller; safe to repeat. Nothing is overwritten.',
    access: 'upload',
    parameters: { query: authCodeQuery },
    body: {
      required: true,
      content: {
        'application/json': {
          schema: directCommitRequest,
          examples: { video: { value: { ...{ fullId, filePath, sha256 }, fileSize: 524_288_000 } } },
        },
      },
    },
    answers: answers(
      {
        200: {
          description: 'The file is in the library.',
          headers: ['X-Request-Id'],
          content: {
            'application/json': {
              schema: directCommitAnswer,
              examples: {
                video: {
                  value: {
                    success: true,
                    src: `/file/${fullId}`,
                    fileUrl: `https://huggingface.co/datasets/username/repo-name/resolve/main/${filePath}`,
                    fullId,
                  },
                },
              },
            },
          },
        },
      },
      [
        { code: 'bad_request', as: 'fields', message: 'Missing required fields: fullId, filePath, sha256, fileSize' },
        {
          code: 'insufficient_scope',
          message: 'No matching upload URL was issued to this caller. Call getUploadUrl first.',
        },
        { code: 'not_found', message: 'The file was deleted.' },
        {
          code: 'upload_not_received',
          message: 'The file has not arrived: call getUploadUrl and upload it to uploadAction.href first.',
        },
      ],
    ),
  },
  {
    id: 'completeHuggingFaceMultipart',
    method: 'post',
    path: `${base}/completeMultipart`,
    tag,
    summary: 'End an upload in parts',
    description:
      'Browsers cannot call Hugging Face here, so this passes the list of parts on. The address comes whole from `uploadAction.href`; its signature is the credential, without a right one the usual ones are asked for.',
    access: 'none',
    parameters: { query: completionQuery },
    body: {
      required: true,
      content: {
        'application/json': {
          schema: directParts,
          examples: {
            two: {
              value: {
                oid: sha256,
                parts: [
                  { partNumber: 1, etag: '"abc123"' },
                  { partNumber: 2, etag: '"def456"' },
                ],
              },
            },
          },
        },
      },
    },
    answers: answers(
      {
        200: {
          description: 'The parts are joined.',
          headers: ['X-Request-Id'],
          content: { 'application/json': { schema: directPartsAnswer } },
        },
      },
      [
        { code: 'bad_request', as: 'target', message: 'Invalid multipart completion target' },
        { code: 'bad_request', as: 'parts', message: 'Invalid multipart parts' },
      ],
    ),
  },
];
