import type { Api } from '../api.ts';
import { byToken } from '../authenticate.ts';
import { filesDialect } from './errors.ts';
import { headFile, readFile } from './read-file.ts';

/** `/file/...`: the permanent links. */
export const filesApi: Api = {
  prefixes: ['/file'],
  dialect: filesDialect,
  cors: () => ({
    // Links are made to be embedded.
    origins: ['*'],
    methods: 'GET, HEAD, OPTIONS',
    headers: 'Range, If-Range, If-None-Match, If-Modified-Since, Content-Type, Authorization',
    exposed: 'Content-Length, Content-Range, Content-Disposition, ETag, Accept-Ranges',
  }),
  credentials: 'token',
  authenticate: byToken,
  failures: [],
  routes: [readFile, headFile],
};
