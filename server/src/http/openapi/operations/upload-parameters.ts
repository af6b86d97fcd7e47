import { z } from 'zod';
import type { NameMode } from '../../../core/file-id.ts';

const nameModes = ['default', 'index', 'origin', 'short'] as const satisfies readonly NameMode[];

const authCode = z.string().optional().meta({ description: 'The upload code, for callers without a token.' });

const storage = {
  uploadChannel: z.string().optional().meta({
    description:
      'Group of channels to store on: `telegram`, `cfr2`, `s3`, `discord`, `huggingface`, `webdav` or `local`. Without it the default channel; `cfr2` falls back to local storage while there is no R2 channel.',
  }),
  channelName: z.string().optional().meta({ description: 'One channel of the group; see GET /api/channels.' }),
};

const naming = {
  uploadNameType: z.enum(nameModes).optional().meta({
    description:
      '`default`: prefix and original name. `index`: prefix only. `origin`: original name. `short`: a short link. A taken name gets a number.',
  }),
  returnFormat: z.enum(['default', 'full']).optional().meta({ description: '`full`: `src` is a whole URL.' }),
  uploadFolder: z
    .string()
    .optional()
    .meta({ description: 'Relative folder; such as `img/test`; what is unsafe in it is cleaned.' }),
};

/** Everything that may stand in the query of `/upload`; only the exact text `true` switches. */
export const uploadQuery = z.object({
  authCode,
  ...storage,
  serverCompress: z
    .boolean()
    .optional()
    .meta({ description: 'Whether a channel may shrink pictures (Telegram). Only when asked for.' }),
  autoRetry: z
    .boolean()
    .optional()
    .meta({ description: 'Whether other channels are tried when the chosen one fails. Default true.' }),
  ...naming,
  initChunked: z.boolean().optional().meta({ description: '`true` starts a chunked upload.' }),
  chunked: z.boolean().optional().meta({ description: '`true` sends a chunk, or with `merge` ends a chunked upload.' }),
  merge: z.boolean().optional().meta({ description: '`true` joins the chunks to a file.' }),
  cleanup: z.boolean().optional().meta({ description: '`true` gives a chunked upload up.' }),
  uploadId: z.string().optional().meta({ description: 'For `cleanup`.' }),
  totalChunks: z.int().optional().meta({ description: 'For `cleanup`.' }),
});

export const statusQuery = z.object({
  authCode,
  uploadId: z.string().meta({ description: 'Of a chunked upload that the same caller started.' }),
});

export const channelsQuery = z.object({
  authCode,
  includeDisabled: z.boolean().optional().meta({ description: '`true` lists channels that take no uploads at the moment, too.' }),
});

export const authCodeQuery = z.object({ authCode });

export const completionQuery = z.object({
  target: z.url().meta({ description: 'Filled in by the server in `uploadAction.href`.' }),
  channelName: z.string().meta({ description: 'Filled in by the server.' }),
  sig: z.string().meta({ description: 'Filled in by the server; stands for the credentials.' }),
});
