import { z } from 'zod';
import type { Operation } from '../operation.ts';
import { deleteBatchAnswer, deleteBatchRequest, deleteFileAnswer, testChannelAnswer } from '../schemas/manage.ts';
import { manageAnswers } from './manage-answers.ts';

const tag = 'Management';
const path = 'img/test/abc123_image.jpg';

export const manageOperations: readonly Operation[] = [
  {
    id: 'deleteFile',
    method: 'delete',
    path: '/api/manage/delete/{path}',
    tag,
    summary: 'Delete a file',
    description:
      'By its path, in any spelling that the link takes, whichever API it came through. The link stops working at once, the bytes are removed from their channel afterwards. A file that is not there is a success with `deleted: false`. GET and POST do the same. Needs the permission `delete`.',
    access: 'token',
    parameters: {
      path: z.object({
        path: z
          .string()
          .meta({ description: 'Path of the file, slashes included, as in its link behind `/file/`.', example: path }),
      }),
      query: z.object({ folder: z.enum(['true', 'false']).optional().meta({ description: '`true` is answered by 501.' }) }),
    },
    answers: manageAnswers(
      {
        200: {
          description: 'It is gone.',
          content: {
            'application/json': {
              schema: deleteFileAnswer,
              examples: {
                deleted: { value: { success: true, fileId: path } },
                absent: { value: { success: true, fileId: 'img/none.jpg', deleted: false } },
              },
            },
          },
        },
      },
      [
        { code: 'bad_request', message: 'Delete file failed' },
        { code: 'not_implemented', message: 'Deleting folders is not implemented. Delete their files instead.' },
      ],
    ),
  },
  {
    id: 'deleteFiles',
    method: 'post',
    path: '/api/manage/delete/batch',
    tag,
    summary: 'Delete up to 500 files',
    description:
      'By paths, or by links as `src` and `publicUrl` show them. What was not deleted is named in `failed`, files that are not there included; the rest is gone. Needs the permission `delete`.',
    access: 'token',
    body: {
      required: true,
      content: { 'application/json': { schema: deleteBatchRequest, examples: { one: { value: { fileIds: [path] } } } } },
    },
    answers: manageAnswers(
      {
        200: {
          description: 'What became of each.',
          content: {
            'application/json': {
              schema: deleteBatchAnswer,
              examples: {
                one: { value: { success: true, deleted: [path], failed: [] } },
                absent: {
                  value: { success: false, deleted: [path], failed: [{ fileId: 'img/none.jpg', error: 'File not found' }] },
                },
              },
            },
          },
        },
      },
      [
        'invalid_json',
        { code: 'validation_error', message: 'The request body must be a JSON object.' },
        { code: 'bad_request', as: 'missing', message: 'fileIds is required' },
        { code: 'bad_request', as: 'many', message: 'A maximum of 500 files can be deleted at once' },
        { code: 'too_large', details: { maxBytes: 262_144 } },
      ],
    ),
  },
  {
    id: 'testChannel',
    method: 'post',
    path: '/api/manage/channels/{id}/test',
    tag,
    summary: 'Test a channel',
    description: 'Stores, reads and deletes a small picture there. A channel that fails is a 200 with `success: false`.',
    access: 'token',
    parameters: { path: z.object({ id: z.string().meta({ description: 'Id or name of the channel.' }) }) },
    answers: manageAnswers(
      {
        200: {
          description: 'How each step went.',
          content: {
            'application/json': {
              schema: testChannelAnswer,
              examples: {
                refused: {
                  value: {
                    success: false,
                    channel: { id: 'ch_1', type: 's3', name: 'main' },
                    steps: [{ step: 'check', ok: false, durationMs: 93, error: 'The storage backend refused the credentials.' }],
                  },
                },
              },
            },
          },
        },
      },
      [{ code: 'not_found', message: 'No such channel.' }],
    ),
  },
];
