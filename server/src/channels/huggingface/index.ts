import { z } from 'zod';
import type { ReplayableBody } from '../../core/bytes.ts';
import type { Channel, GetOptions, GetResult, Ref } from '../../core/channel.ts';
import { fail } from '../../core/errors.ts';
import { createDigestService } from '../../core/streams/digests.ts';
import { defineDriver, secret } from '../driver.ts';
import { rangedResult } from '../shared/ranged.ts';
import { createHub, type Hub } from './api.ts';
import { checkAccess } from './check.ts';
import type { CommitterOptions } from './committer.ts';
import { createDirectUpload } from './direct.ts';
import { createRepository, storeFile } from './store.ts';
import type { LfsObject } from './wire.ts';

const segment = /[A-Za-z0-9](?:[\w.-]*\w)?/.source;

const settingsSchema = z.strictObject({
  token: secret('Access token of Hugging Face with write permission to the repository.'),
  repo: z
    .string()
    .regex(new RegExp(`^${segment}/${segment}$`), 'must be owner/name')
    .describe(
      'Dataset repository as owner/name (owner: a user or an organisation); created when missing.',
    ),
  private: z
    .boolean()
    .default(false)
    .describe('Create the repository as a private one; direct links then need a token.'),
  endpoint: z
    .url({ protocol: /^https?$/ })
    .default('https://huggingface.co')
    .describe('Address of the hub, for mirrors and self-hosted hubs.'),
  branch: z
    .string()
    .regex(/^[\w][\w./-]*$/, 'must be letters, digits, dots, dashes and slashes')
    .default('main')
    .describe('Branch that files are committed to; created when missing.'),
  folder: z
    .string()
    .regex(
      new RegExp(`^${segment}(?:/${segment})*$`),
      'must be names of letters, digits, dots and dashes, with slashes between them',
    )
    .default('files')
    .describe('Folder in the repository below which all files are stored.'),
  repoType: z
    .literal('dataset')
    .default('dataset')
    .describe('Kind of repository; only datasets are supported.'),
});

export type HuggingFaceSettings = z.infer<typeof settingsSchema>;

export const huggingfaceDriver = defineDriver({
  type: 'huggingface',
  group: { name: 'huggingface', label: 'HuggingFace', fallbackRank: 4 },
  settings: settingsSchema,
  create: (settings) => createHuggingFaceChannel(settings),
});

const commitDefaults: CommitterOptions = { gatherMs: 20, patienceMs: 25_000, retryBaseMs: 500 };

export function createHuggingFaceChannel(
  settings: HuggingFaceSettings,
  commit: CommitterOptions = commitDefaults,
): Channel {
  const hub = createHub(settings);
  const digests = createDigestService();
  const repository = createRepository(hub, { folder: settings.folder, commit, digests });
  return {
    limits: { needsSha256: true },
    remote: true,
    put: async (body, { key, signal }) => {
      const object = objectOf(body);
      return repository.inside(signal, async () => {
        const path = repository.pathOf(key);
        await storeFile(repository, body, { path, ...object, signal });
        return { ref: { path }, size: object.size };
      });
    },
    get: (ref, options) => readFile(hub, pathIn(ref), options),
    delete: (ref, { signal }) =>
      repository.inside(signal, () =>
        repository.committer.apply({ kind: 'delete', path: pathIn(ref) }, signal),
      ),
    check: ({ signal }) => checkAccess(hub, signal),
    locate: (key) => ({ path: repository.pathOf(key) }),
    direct: createDirectUpload(repository, settings.private),
    url: (ref) => (settings.private ? undefined : hub.resolveUrl(pathIn(ref))),
    close: async () => {
      repository.committer.close();
      await Promise.all([digests.close(), hub.close()]);
    },
  };
}

/** LFS names an object by what is known before its first byte goes out. */
function objectOf({ size, sha256 }: ReplayableBody): LfsObject {
  if (size === undefined || sha256 === undefined) {
    throw fail('internal_error', { message: 'Hugging Face needs size and SHA-256 beforehand.' });
  }
  return { oid: sha256.toLowerCase(), size };
}

const refSchema = z.object({ path: z.string().min(1) });

function pathIn(ref: Ref): string {
  return refSchema.parse(ref).path;
}

async function readFile(hub: Hub, path: string, { range, signal }: GetOptions): Promise<GetResult> {
  const response = await hub.resolve(path, { range, signal });
  const length = Number(response.header('content-length'));
  if (range === undefined && !Number.isSafeInteger(length)) {
    throw fail('channel_unavailable', { message: 'Hugging Face: the answer tells no length' });
  }
  return rangedResult(response, { service: 'Hugging Face', size: length, range });
}
