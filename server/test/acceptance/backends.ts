import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ListMultipartUploadsCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import {
  emulatedAccount,
  startCloudflareEmulator,
} from '../emulators/cloudflare-images/emulator.ts';
import { startDiscordEmulator } from '../emulators/discord/emulator.ts';
import { startHubEmulator } from '../emulators/huggingface/emulator.ts';
import { emulatedChat, startTelegramEmulator } from '../emulators/telegram/emulator.ts';
import { type S3Service, startS3 } from '../services/s3.ts';
import { startDav } from '../services/webdav.ts';

/** What a channel of the configuration stores in, seen from behind. */
export interface Backend {
  /** Entry of `channels` in the configuration. */
  readonly channel: Readonly<Record<string, unknown>>;
  /** What is stored there now, leftovers of unfinished uploads included. */
  stored(): Promise<number>;
  /** Texts that no answer, no log line and no row may ever hold. */
  readonly secrets: readonly string[];
  stop(): Promise<void>;
}

/** Fast enough for tests: nobody waits for the pace that the real service asks for. */
export const unhurried = { messagesPerSecond: 1000, messagesPerMinute: 0 } as const;

export async function telegramBackend(
  options: Parameters<typeof startTelegramEmulator>[0] = {},
  settings: Readonly<Record<string, unknown>> = unhurried,
) {
  const emulator = await startTelegramEmulator(options);
  const { token: botToken, url: apiBase } = emulator;
  const backend: Backend = {
    channel: {
      type: 'telegram',
      name: 'telegram',
      botToken,
      chatId: String(emulatedChat.id),
      apiBase,
      ...settings,
    },
    stored: async () => emulator.messages.size,
    secrets: [botToken, botToken.slice(botToken.indexOf(':') + 1)],
    stop: emulator.stop,
  };
  return { ...backend, emulator };
}

export async function discordBackend(options: Parameters<typeof startDiscordEmulator>[0] = {}) {
  const emulator = await startDiscordEmulator(options);
  const { token: botToken, url: apiBase, channelId } = emulator;
  const backend: Backend = {
    channel: { type: 'discord', name: 'discord', botToken, channelId, apiBase },
    stored: async () => emulator.messages.size,
    secrets: [botToken],
    stop: emulator.stop,
  };
  return { ...backend, emulator };
}

export async function huggingfaceBackend(
  options: Parameters<typeof startHubEmulator>[0] = {},
  settings: Readonly<Record<string, unknown>> = {},
) {
  const emulator = await startHubEmulator(options);
  const { token, url: endpoint, user } = emulator;
  const repo = `${user}/files`;
  const backend: Backend = {
    channel: { type: 'huggingface', name: 'huggingface', token, repo, endpoint, ...settings },
    stored: async () => emulator.files(repo).length,
    secrets: [token],
    stop: emulator.close,
  };
  return { ...backend, emulator, repo };
}

export async function cloudflareBackend() {
  const emulator = await startCloudflareEmulator();
  const { accountId, apiToken, deliveryHash, signingKey } = emulatedAccount;
  const { apiBase, deliveryBase } = emulator;
  const backend: Backend = {
    channel: {
      type: 'cloudflare_images',
      name: 'images',
      accountId,
      apiToken,
      deliveryHash,
      signingKey,
      apiBase,
      deliveryBase,
    },
    stored: async () => emulator.images.size,
    secrets: [apiToken, signingKey],
    stop: emulator.stop,
  };
  return { ...backend, emulator };
}

export async function webdavBackend(settings: Readonly<Record<string, unknown>> = {}) {
  const dav = await startDav('apache');
  const { url: baseUrl, username, password } = dav;
  const backend: Backend = {
    channel: { type: 'webdav', name: 'webdav', baseUrl, username, password, ...settings },
    stored: dav.files,
    secrets: [password, Buffer.from(`${username}:${password}`).toString('base64')],
    stop: dav.stop,
  };
  return { ...backend, dav };
}

/** Channels of the S3 family, each on a bucket of its own, on one server. */
export async function s3Backends(types: readonly ('s3' | 'cfr2')[] = ['s3']) {
  const service = await startS3();
  const { accessKeyId, secretAccessKey } = service;
  const client = s3Client(service);
  const bucketOf = (type: string): string => `bucket-${type}`;
  const open = async (type: 's3' | 'cfr2') => {
    const bucket = bucketOf(type);
    await service.createBucket(bucket);
    const own =
      type === 's3'
        ? { region: service.region }
        : { accountId: '0123456789abcdef0123456789abcdef' };
    const backend: Backend = {
      channel: {
        type,
        name: type,
        endpoint: service.endpoint,
        bucket,
        accessKeyId,
        secretAccessKey,
        ...own,
      },
      stored: async () =>
        (await objectsIn(client, bucket)).length + (await openMultiparts(client, bucket)).length,
      secrets: [secretAccessKey],
      stop: async () => undefined,
    };
    return backend;
  };
  const backends: Backend[] = [];
  for (const type of types) {
    backends.push(await open(type));
  }
  return {
    service,
    client,
    backends,
    bucketOf,
    async stop() {
      client.destroy();
      await service.stop();
    },
  };
}

function s3Client({ endpoint, region, accessKeyId, secretAccessKey }: S3Service): S3Client {
  return new S3Client({
    endpoint,
    region,
    credentials: { accessKeyId, secretAccessKey },
    forcePathStyle: true,
  });
}

export async function objectsIn(
  client: S3Client,
  bucket: string,
): Promise<readonly { readonly key: string; readonly size: number }[]> {
  const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: bucket }));
  return Contents.map(({ Key = '', Size = 0 }) => ({ key: Key, size: Size }));
}

export async function openMultiparts(client: S3Client, bucket: string): Promise<readonly string[]> {
  const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
  return Uploads.map(({ Key = '' }) => Key);
}

/** The data folder's own channel, once the server runs on it. */
export function localBackend(dataDir: () => string): Backend {
  return {
    channel: { type: 'local', name: 'disk' },
    stored: async () => {
      const entries = await readdir(join(dataDir(), 'objects'), {
        recursive: true,
        withFileTypes: true,
      }).catch(() => []);
      return entries.filter((entry) => entry.isFile()).length;
    },
    secrets: [],
    stop: async () => undefined,
  };
}
