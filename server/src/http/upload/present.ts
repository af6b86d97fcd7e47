import type { IncomingMessage } from 'node:http';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import type { StoredFile } from '../../core/metadata.ts';
import { encodePath } from '../../core/naming/path-text.ts';
import type { ConfiguredChannel } from '../../core/storage/channel-pool.ts';
import { requestOrigin } from '../address/request-origin.ts';
import type { HttpDeps, HttpSettings } from '../deps.ts';
import { named } from '../openapi/named.ts';
import { note } from '../request-notes.ts';

interface Presenting {
  readonly fullUrl: boolean;
  readonly request: IncomingMessage;
  readonly settings: HttpSettings;
}

export const uploaded = named('Uploaded', () =>
  z
    .array(
      z.strictObject({
        src: z.string().meta({
          description:
            'Link to the file, without the host unless `returnFormat=full`. Percent-encoded: use it as it is.',
          example: '/file/abc123_image.jpg',
        }),
        publicUrl: z
          .string()
          .optional()
          .meta({ description: 'With the configured prefix; only when there is one.' }),
      }),
    )
    .min(1)
    .meta({
      title: 'Stored files',
      description: 'One for each file of the form, in the same order.',
    }),
);

/**
 * Upload API 1.8: `src`, with `publicUrl` only when a prefix is configured; both can be used as
 * they are.
 */
export function presentUploaded({ file }: StoredFile, { fullUrl, request, settings }: Presenting) {
  const link = linkTo(file.path);
  return {
    src: fullUrl ? `${requestOrigin(request, settings)}${link}` : link,
    publicUrl: publicUrlOf(file.path, settings),
  };
}

/** Percent-encoded: programs put it into requests as it is, and HTTP knows no other characters. */
export function linkTo(path: string): string {
  return `/file/${encodePath(path)}`;
}

/** Undefined, and so left out of responses, when no prefix is configured. */
export function publicUrlOf(path: string, { urlPrefix }: HttpSettings): string | undefined {
  return urlPrefix === undefined
    ? undefined
    : `${urlPrefix.replace(/\/+$/, '')}/${encodePath(path)}`;
}

/** The answer to an upload, with the channels that hold the files. */
export function sendUploaded(
  reply: FastifyReply,
  stored: readonly StoredFile[],
  {
    fullUrl,
    request,
    deps,
  }: { readonly fullUrl: boolean; readonly request: IncomingMessage; readonly deps: HttpDeps },
): FastifyReply {
  note(request, { file: stored.map(({ file }) => file.path).join(' ') });
  setChannelHeaders(reply, holdersOf(stored, deps));
  return reply.send(
    stored.map((each) => presentUploaded(each, { fullUrl, request, settings: deps.settings })),
  );
}

export function holdersOf(
  stored: readonly StoredFile[],
  { pool }: Pick<HttpDeps, 'pool'>,
): readonly ConfiguredChannel[] {
  const ids = new Set(stored.flatMap(({ replicas }) => replicas.map(({ channelId }) => channelId)));
  return pool.all().filter(({ id }) => ids.has(id));
}

/**
 * Ours: where the bytes really went, each as `uploadChannel/channelName`. Callers that asked for
 * another one see it here.
 */
export function setChannelHeaders(
  reply: FastifyReply,
  channels: readonly ConfiguredChannel[],
): void {
  const names = channels.map(({ group, name }) => `${group}/${encodeURIComponent(name)}`);
  if (names.length > 0) {
    reply.header('x-stowage-channel', names.join(', '));
  }
}
