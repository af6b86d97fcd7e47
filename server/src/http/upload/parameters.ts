import { z } from 'zod';
import { nameModes } from '../../core/naming/file-id.ts';

export const authCode = () =>
  z.string().optional().meta({ description: 'The upload code, for callers without a token.' });

const storage = () => ({
  uploadChannel: z.string().optional().meta({
    description:
      'Group of channels to store on: `telegram`, `cfr2`, `s3`, `discord`, `huggingface`, `webdav` or `local`. When absent or unknown: the default channel of the settings, otherwise Telegram, otherwise the first channel; the header `X-Stowage-Channel` names it. With `autoRetry=false` an unknown group is refused. `cfr2` is local storage while there is no R2 channel. `external` is refused: links to files elsewhere are not stored.',
  }),
  channelName: z.string().optional().meta({
    description:
      'One channel of the group, or of any group without `uploadChannel`; see GET /api/channels. An unknown name counts as absent; with `autoRetry=false` it is refused.',
  }),
});

const naming = () => ({
  uploadNameType: z.enum(nameModes).optional().meta({
    description:
      '`default`: prefix and original name. `index`: prefix only. `origin`: original name. `short`: a short link. A taken name gets a number.',
  }),
  returnFormat: z
    .enum(['default', 'full'])
    .optional()
    .meta({ description: '`full`: `src` is a whole URL.' }),
  uploadFolder: z
    .string()
    .optional()
    .meta({ description: 'Relative folder, such as `img/test`; unsafe parts are removed.' }),
});

/** Everything that may stand in the query of `/upload`; only the exact text `true` switches. */
export const uploadQuery = () =>
  z.object({
    authCode: authCode(),
    ...storage(),
    serverCompress: z.boolean().optional().meta({
      description:
        'Whether Telegram may recompress the picture; only JPEG pictures up to 10 MB, others are kept as they are. Default true, unless the owner switched it off for the channel. Downloads then return the recompressed picture. Chunked uploads are never recompressed.',
    }),
    autoRetry: z.boolean().optional().meta({
      description:
        'Whether other channels are tried when the chosen one fails or does not exist: one of each group first, then the rest. Default true.',
    }),
    ...naming(),
    initChunked: z.boolean().optional().meta({ description: '`true` starts a chunked upload.' }),
    chunked: z
      .boolean()
      .optional()
      .meta({ description: '`true` sends a chunk, or with `merge` finishes a chunked upload.' }),
    merge: z.boolean().optional().meta({ description: '`true` joins the chunks into a file.' }),
    cleanup: z.boolean().optional().meta({ description: '`true` cancels a chunked upload.' }),
    uploadId: z.string().optional().meta({ description: 'For `cleanup`.' }),
    totalChunks: z.int().optional().meta({ description: 'For `cleanup`.' }),
  });

export const authCodeQuery = () => z.object({ authCode: authCode() });
