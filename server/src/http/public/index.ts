import type { Api } from '../api.ts';
import { byTokenOrCode, tooManyGuesses } from '../authenticate.ts';
import { foreignPage } from '../foreign-page.ts';
import { pagesDialect } from './errors.ts';
import { fetchResource } from './fetch-resource.ts';
import { getDirectoryTree } from './get-directory-tree.ts';
import { getRandom } from './get-random.ts';
import { getUserConfig } from './get-user-config.ts';
import { getWallpaper } from './get-wallpaper.ts';
import { listPublic } from './list-public.ts';

/** What pages of the Upload API read. */
export const publicApi: Api = {
  prefixes: ['/random', '/api/public'],
  dialect: pagesDialect,
  cors: ({ corsOrigins }) => ({
    origins: corsOrigins,
    methods: 'GET, POST, OPTIONS',
    headers: 'Content-Type, Authorization, authCode',
  }),
  credentials: 'upload',
  authenticate: byTokenOrCode,
  failures: ['unauthorized', tooManyGuesses, foreignPage, 'internal_error', 'service_unavailable'],
  routes: [getUserConfig, getRandom, listPublic, getDirectoryTree, fetchResource, getWallpaper],
};
