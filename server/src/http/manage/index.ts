import type { Api } from '../api.ts';
import { byToken, tooManyGuesses } from '../authenticate.ts';
import { foreignPage } from '../foreign-page.ts';
import { applyTags, getAiTags, testAi, writeAiTags } from './ai-tags.ts';
import { listRecords } from './batch/list-records.ts';
import { endIndex, getIndexConfig, putIndexChunk } from './batch/rebuild-index.ts';
import { restoreChunk } from './batch/restore-chunk.ts';
import { getBackupSettings } from './batch/settings.ts';
import { blockAddress, listBlocked, unblockAddress } from './block-addresses.ts';
import { createApiToken } from './create-api-token.ts';
import { deleteApiToken } from './delete-api-token.ts';
import { deleteBatch } from './delete-batch.ts';
import { deleteFile } from './delete-file.ts';
import { deleteSession } from './delete-session.ts';
import { manageDialect } from './errors.ts';
import { completeTag } from './library/complete-tag.ts';
import { editMetadata } from './library/edit-metadata.ts';
import { getTags, setTags } from './library/file-tags.ts';
import { listFiles } from './library/list-files.ts';
import { moveFile } from './library/move.ts';
import { renameFile } from './library/rename-file.ts';
import { blockFile, setAccess, whiteFile } from './library/set-access.ts';
import { tagFiles } from './library/tag-files.ts';
import { listApiTokens } from './list-api-tokens.ts';
import { listSessions } from './list-sessions.ts';
import { listUploaderFiles, listUploaders } from './list-uploaders.ts';
import { createChannel } from './managed-channels/create-channel.ts';
import { deleteChannel } from './managed-channels/delete-channel.ts';
import { listManagedChannels } from './managed-channels/list-channels.ts';
import { orderChannels } from './managed-channels/order-channels.ts';
import { updateChannel } from './managed-channels/update-channel.ts';
import { getQuota, recountQuota } from './quota.ts';
import { sysConfigRoutes } from './sys-config/routes.ts';
import { testChannel } from './test-channel.ts';
import { updateApiToken } from './update-api-token.ts';

/** Management routes of the Upload API, and further ones of Stowage. */
export const manageApi: Api = {
  prefixes: ['/api'],
  dialect: manageDialect,
  cors: ({ corsOrigins }) => ({
    origins: corsOrigins,
    methods: 'GET, POST, DELETE, PUT, PATCH, OPTIONS',
    headers: 'Content-Type, Authorization',
  }),
  headers: { 'cache-control': 'private, no-store, max-age=0' },
  credentials: 'token',
  authenticate: byToken,
  failures: ['unauthorized', tooManyGuesses, foreignPage, 'internal_error', 'service_unavailable'],
  routes: [
    listApiTokens,
    createApiToken,
    updateApiToken,
    deleteApiToken,
    listSessions,
    deleteSession,
    deleteFile,
    deleteBatch,
    listFiles,
    moveFile,
    renameFile,
    editMetadata,
    completeTag,
    tagFiles,
    getTags,
    setTags,
    blockFile,
    whiteFile,
    setAccess,
    testChannel,
    listUploaders,
    listUploaderFiles,
    listBlocked,
    blockAddress,
    unblockAddress,
    listRecords,
    getBackupSettings,
    restoreChunk,
    getIndexConfig,
    putIndexChunk,
    endIndex,
    getAiTags,
    writeAiTags,
    testAi,
    applyTags,
    listManagedChannels,
    createChannel,
    orderChannels,
    updateChannel,
    deleteChannel,
    getQuota,
    recountQuota,
    ...sysConfigRoutes,
  ],
};
