import { z } from 'zod';
import { type OldFailure as Failure, joined } from '../failures.ts';
import type { Operation } from '../operation.ts';
import {
  apiToken,
  apiTokens,
  createTokenRequest,
  deleteTokenAnswer,
  updateTokenAnswer,
  updateTokenRequest,
} from '../schemas/manage.ts';
import { manageAnswers, missing } from './manage-answers.ts';

const tokensPath = '/api/manage/apiTokens';
const tag = 'Management';

const token = {
  id: '019aab3c-6f00-7c2e-9d41-5b8f3a7e1c02',
  name: 'blog',
  owner: '',
  permissions: ['upload', 'list'],
  createdAt: '2026-04-10T12:00:00.000Z',
  updatedAt: '2026-04-10T12:00:00.000Z',
  token: 'imgbed_0f3a9c1b...',
  expiresAt: null,
  autoDelete: false,
  lastUsedAt: null,
};
const made = { ...token, token: 'imgbed_0f3a9c1b5d7e8f90a1b2c3d4e5f60718' };
const unknownToken = { summary: 'There is none with this id', value: { error: 'Token 不存在' } };

const body: readonly Failure[] = [
  'invalid_json',
  { code: 'validation_error', message: 'permissions must be some of upload, list, delete, manage.' },
  { code: 'validation_error', as: 'expiry', message: 'expiresAt must be an ISO 8601 time.' },
  { code: 'insufficient_scope', as: 'beyond', message: 'Your token does not have the permission delete.' },
  { code: 'insufficient_scope', as: 'longer', message: 'Your token expires before that.' },
  { code: 'too_large', details: { maxBytes: 262_144 } },
];

const shared = { path: tokensPath, tag, access: 'token' } as const;

/** Needs the permission `manage`, every one. */
export const tokenOperations: readonly Operation[] = [
  {
    ...shared,
    id: 'listTokens',
    method: 'get',
    summary: 'List API tokens',
    description: 'Without their secret part. Needs the permission `manage`, as all about tokens and channels does.',
    answers: manageAnswers({
      200: {
        description: 'All tokens.',
        content: { 'application/json': { schema: apiTokens, examples: { one: { value: { tokens: [token] } } } } },
      },
    }),
  },
  {
    ...shared,
    id: 'createToken',
    method: 'post',
    summary: 'Create an API token',
    description: 'The only answer that holds the whole token: only its hash is kept.',
    body: {
      required: true,
      content: {
        'application/json': {
          schema: createTokenRequest,
          examples: { blog: { value: { name: 'blog', permissions: ['upload', 'list'] } } },
        },
      },
    },
    answers: joined(
      manageAnswers(
        {
          200: {
            description: 'The token, this once.',
            content: { 'application/json': { schema: apiToken, examples: { made: { value: made } } } },
          },
        },
        body,
      ),
      missing('missing', '缺少必要参数', 'name, permissions'),
    ),
  },
  {
    ...shared,
    id: 'updateToken',
    method: 'put',
    summary: 'Change an API token',
    description:
      'The permissions are replaced, the rest changes only when it is sent. No token gives another more than it has itself.',
    body: {
      required: true,
      content: {
        'application/json': {
          schema: updateTokenRequest,
          examples: { narrower: { value: { tokenId: token.id, permissions: ['upload'] } } },
        },
      },
    },
    answers: joined(
      manageAnswers(
        {
          200: {
            description: 'It is changed; or there is none with this id.',
            content: {
              'application/json': {
                schema: updateTokenAnswer,
                examples: {
                  changed: { value: { success: true, message: 'Token 已更新', tokenId: token.id, token } },
                  unknown: unknownToken,
                },
              },
            },
          },
        },
        body,
      ),
      missing('missing', '缺少必要参数', 'tokenId, permissions'),
    ),
  },
  {
    ...shared,
    id: 'deleteToken',
    method: 'delete',
    summary: 'Revoke an API token',
    description: 'It stops working with the next request, and its unfinished uploads take no more bytes.',
    parameters: { query: z.object({ id: z.string().meta({ description: 'Id of the token.' }) }) },
    answers: joined(
      manageAnswers({
        200: {
          description: 'It is revoked; or there is none with this id.',
          content: {
            'application/json': {
              schema: deleteTokenAnswer,
              examples: { revoked: { value: { success: true, message: 'Token 已删除' } }, unknown: unknownToken },
            },
          },
        },
      }),
      missing('missing', '缺少Token ID', 'id'),
    ),
  },
];
