import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type App, createApp } from '../app.ts';
import { drivers } from '../channels/index.ts';
import { loadConfig } from '../config.ts';
import { createAccess } from '../core/access/access.ts';
import { createAuthThrottle } from '../core/access/auth-throttle.ts';
import type { Permission } from '../core/metadata.ts';
import { createLogger } from '../logger.ts';
import { apis } from './apis.ts';

const authCode = 'upload-code-of-the-test';
const permissions = ['upload', 'list', 'delete', 'manage'] as const satisfies Permission[];

/** Callers: without credentials, with the code, with a cookie, with a token of one permission. */
const actors = ['nobody', 'code', 'user cookie', 'admin cookie', ...permissions] as const;
type Actor = (typeof actors)[number];

const everybody = actors;
const none: readonly Actor[] = [];
const known: readonly Actor[] = ['user cookie', 'admin cookie', ...permissions];
const uploaders: readonly Actor[] = ['user cookie', 'admin cookie', 'upload'];
const withCode: readonly Actor[] = ['code', ...uploaders];
const only = (permission: Permission): readonly Actor[] => ['admin cookie', permission];

/**
 * Who gets past the door of each route, by its id. Others get 401 or 403. A route without a row
 * fails: decide who may call it, and add one.
 */
const matrix: Readonly<Record<string, readonly Actor[]>> = {
  // Media API
  uploadMedia: uploaders,
  uploadMediaFromUrl: uploaders,
  completeMedia: uploaders,
  listMedia: only('list'),
  getMedia: only('list'),
  deleteMedia: only('delete'),
  getMe: known,
  listAccounts: known,
  getPlatformRules: known,
  // Upload API
  upload: withCode,
  getChunkedUpload: withCode,
  listChannels: ['code', ...known],
  getHuggingFaceUploadUrl: withCode,
  commitHuggingFaceUpload: withCode,
  // The signature counts. Without one, uploaders are told what is missing.
  completeHuggingFaceMultipart: withCode,
  // By signature alone
  putUpload: none,
  postUpload: none,
  putDirectUpload: none,
  // Files
  readFile: everybody,
  headFile: everybody,
  // Pages
  fetchResource: withCode,
  getWallpaper: everybody,
  getUserConfig: everybody,
  getDirectoryTree: ['code', ...known],
  // Off unless the owner opens folders to everyone
  getRandom: none,
  listPublicFiles: none,
  // Sign-in
  signIn: everybody,
  signInAdmin: everybody,
  signOut: everybody,
  checkSession: everybody,
  setUp: everybody,
  getSetupPage: everybody,
  // By a key that is not configured here
  resetSignIn: none,
  // Management
  listFiles: only('list'),
  moveFile: only('manage'),
  renameFile: only('manage'),
  editFileMetadata: only('manage'),
  getFileTags: only('manage'),
  setFileTags: only('manage'),
  setTagsOfFiles: only('manage'),
  completeTag: only('manage'),
  blockFile: only('manage'),
  whiteFile: only('manage'),
  setFileAccess: only('manage'),
  getSecurityConfig: only('manage'),
  setSecurityConfig: only('manage'),
  listTokens: only('manage'),
  createToken: only('manage'),
  updateToken: only('manage'),
  deleteToken: only('manage'),
  listSessions: only('manage'),
  endSession: only('manage'),
  testChannel: only('manage'),
  listManagedChannels: only('manage'),
  createChannel: only('manage'),
  updateChannel: only('manage'),
  orderChannels: only('manage'),
  deleteChannel: only('manage'),
  listUploaders: only('manage'),
  listUploaderFiles: only('manage'),
  listBlockedAddresses: only('manage'),
  blockAddress: only('manage'),
  unblockAddress: only('manage'),
  getAiTags: only('manage'),
  writeAiTags: only('manage'),
  testAi: only('manage'),
  applyTags: only('manage'),
  listRecords: only('manage'),
  getBackupSettings: only('manage'),
  restoreRecords: only('manage'),
  getIndexConfig: only('manage'),
  putIndexChunk: only('manage'),
  endIndex: only('manage'),
  getQuota: only('manage'),
  recountQuota: only('manage'),
  getUploadConfig: only('manage'),
  setUploadConfig: only('manage'),
  getPageConfig: only('manage'),
  setPageConfig: only('manage'),
  getOthersConfig: only('manage'),
  setOthersConfig: only('manage'),
  getAiConfig: only('manage'),
  deleteFile: only('delete'),
  deleteFiles: only('delete'),
  // Operations, from another machine
  getHealth: everybody,
  getReadiness: everybody,
  getMetrics: only('manage'),
  getOpenApi: everybody,
  getDocs: everybody,
  getRenderer: everybody,
};

const cases = apis.flatMap(({ routes, alsoAt = () => [] }) =>
  routes.flatMap((route) =>
    [route.path, ...alsoAt(route.path)].flatMap((path) =>
      [route.method].flat().map((method) => ({ id: route.id, method, path })),
    ),
  ),
);

describe('who may call what (T11)', () => {
  let folder = '';
  let app: App;
  const tokens = new Map<Actor, string>();

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'stowage-permissions-'));
    const loaded = loadConfig({
      env: {
        STOWAGE_DATA_DIR: folder,
        STOWAGE_LOG_LEVEL: 'silent',
        STOWAGE_AUTH_CODE: authCode,
        STOWAGE_RATE_LIMIT_PER_MINUTE: '0',
        STOWAGE_RATE_LIMIT_PER_HOUR: '0',
      },
      cwd: folder,
      drivers,
    });
    if ('problems' in loaded) {
      throw new Error(loaded.problems.join('\n'));
    }
    app = await createApp(loaded.config, createLogger(loaded.config.log));
    const access = createAccess({
      tokens: app.metadata.tokens,
      allowAnonymousUploads: false,
      brake: createAuthThrottle(Date.now),
      now: Date.now,
    });
    for (const permission of permissions) {
      const made = await access.createToken({ name: permission, permissions: [permission] });
      tokens.set(permission, made.token);
    }
    await app.http.ready();
  });
  afterAll(async () => {
    await app?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  /** A session of its own for each request, because some end it. */
  const cookie = async (kind: 'admin' | 'user'): Promise<Record<string, string>> => {
    const visitor = { address: '203.0.113.9', userAgent: '' };
    const begun = await app.sessions.begin({ kind, visitor });
    return { cookie: `${kind}_session=${begun?.secret}` };
  };
  const headersOf = async (actor: Actor): Promise<Record<string, string>> => {
    switch (actor) {
      case 'nobody':
        return {};
      case 'code':
        return { authCode };
      case 'user cookie':
        return cookie('user');
      case 'admin cookie':
        return cookie('admin');
      default:
        return { authorization: `Bearer ${tokens.get(actor)}` };
    }
  };

  it('is decided for every route, and for no other', () => {
    const ids = [...new Set(cases.map(({ id }) => id))];
    expect(Object.keys(matrix).sort()).toEqual(ids.sort());
  });

  it.each(cases)('$id: $method $path', async ({ id, method, path }) => {
    const url = path.replace(/:\w+|\*/g, '019aab3c-6f00-7c2e-9d41-5b8f3a7e1c02');
    const admitted: Actor[] = [];
    for (const actor of actors) {
      const headers = await headersOf(actor);
      const response = await app.http.inject({
        method,
        url,
        headers,
        remoteAddress: '203.0.113.9',
      });
      if (response.statusCode !== 401 && response.statusCode !== 403) {
        admitted.push(actor);
      }
    }
    expect(new Set(admitted)).toEqual(new Set(matrix[id]));
  });
});
