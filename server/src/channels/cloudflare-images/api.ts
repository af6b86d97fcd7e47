import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { ByteRange, ByteSource } from '../../core/bytes.ts';
import { fail } from '../../core/errors.ts';
import {
  createHttpClient,
  type HttpRequest,
  type HttpResponse,
} from '../../outbound/http-client.ts';
import { defined } from '../shared/defined.ts';
import { multipartBody } from '../shared/multipart-body.ts';
import { rangeHeader } from '../shared/ranged.ts';
import { failureOf, parseEnvelope, service } from './failure.ts';
import { type Measure, measureBlob } from './measure.ts';
import type { CloudflareImagesSettings } from './settings.ts';

/** The calls of the Images API. Errors are of the channel family, in Cloudflare's words. */
export interface CloudflareApi {
  upload(upload: ImageUpload, signal: AbortSignal): Promise<void>;
  /** Makes a draft and its one-time upload address. */
  createDraft(request: DraftRequest, signal: AbortSignal): Promise<Draft>;
  /** Undefined when there is no such image. */
  details(id: string, signal: AbortSignal): Promise<ImageDetails | undefined>;
  /** The base image; the answer has status 200 or 206. */
  blob(
    id: string,
    options: { range?: ByteRange | undefined; signal: AbortSignal },
  ): Promise<HttpResponse>;
  measure(id: string, signal: AbortSignal): Promise<Measure>;
  /** Also resolves when there was nothing. */
  remove(id: string, signal: AbortSignal): Promise<void>;
  stats(signal: AbortSignal): Promise<{ readonly current: number; readonly allowed: number }>;
  /**
   * `active`, `disabled` or `expired`; undefined when the API does not tell, as for tokens that
   * belong to an account.
   */
  tokenStatus(signal: AbortSignal): Promise<string | undefined>;
  close(): Promise<void>;
}

interface ImageUpload {
  /** A one-time upload address; without it the image goes to the account. */
  readonly uploadUrl?: string | undefined;
  readonly fields: Readonly<Record<string, string>>;
  readonly filename: string;
  readonly contentType: string;
  readonly source: ByteSource;
  readonly size: number | undefined;
}

export interface DraftRequest {
  readonly id: string | undefined;
  readonly expiry: string | undefined;
  readonly metadata: string;
  readonly requireSignedUrls: boolean;
}

export interface Draft {
  readonly id: string;
  readonly uploadUrl: string;
}

const pixels = z.int().positive().optional().catch(undefined);
const detailsSchema = z.looseObject({
  draft: z.boolean().optional(),
  width: pixels,
  height: pixels,
});
type ImageDetails = z.infer<typeof detailsSchema>;

const draftSchema = z.looseObject({
  id: z.string().min(1),
  uploadURL: z.url({ protocol: /^https?$/ }),
});
const statsSchema = z.looseObject({
  count: z.looseObject({ current: z.number(), allowed: z.number() }),
});
const tokenSchema = z.looseObject({ status: z.string() });

export function createCloudflareApi(settings: CloudflareImagesSettings): CloudflareApi {
  const client = createHttpClient({ service, secrets: [settings.apiToken, settings.signingKey] });
  const base = settings.apiBase.replace(/\/+$/, '');
  const images = `${base}/accounts/${settings.accountId}/images`;
  const imageUrl = (id: string) => `${images}/v1/${encodeURIComponent(id)}`;

  const send = (request: HttpRequest) =>
    client.send({
      ...request,
      headers: { authorization: `Bearer ${settings.apiToken}`, ...request.headers },
    });

  const resultOf = async (response: HttpResponse): Promise<unknown> => {
    const text = await response.text(1_048_576);
    const envelope = parseEnvelope(text);
    if (response.status >= 300 || envelope?.success !== true) {
      throw failureOf(client.redact, response, text);
    }
    return envelope.result;
  };

  const call = async <T>(schema: z.ZodType<T>, request: HttpRequest): Promise<T> =>
    checked(schema, await resultOf(await send(request)));

  const blob: CloudflareApi['blob'] = async (id, { range, signal }) => {
    const headers = { accept: 'image/*', range: range && rangeHeader(range) };
    const response = await send({ method: 'GET', url: `${imageUrl(id)}/blob`, headers, signal });
    if (response.status === 200 || response.status === 206) {
      return response;
    }
    const error = failureOf(client.redact, response, await response.text());
    // Core asks only for bytes that were stored: 416 means that they are gone.
    throw response.status === 416 ? fail('not_found', { message: error.message }) : error;
  };

  return {
    upload: async ({ uploadUrl, fields, source, size, ...file }, signal) => {
      const form = multipartBody(fieldList(fields), { name: 'file', ...file, source, size });
      const request = {
        method: 'POST',
        headers: { 'content-type': form.contentType },
        body: form.body,
        contentLength: form.contentLength,
        signal,
      } as const;
      // A one-time address is a permission by itself: the token stays with the API.
      const response =
        uploadUrl === undefined
          ? send({ ...request, url: `${images}/v1` })
          : client.send({ ...request, url: uploadUrl });
      await resultOf(await response);
    },
    createDraft: async ({ id, expiry, metadata, requireSignedUrls }, signal) => {
      const requireSignedURLs = String(requireSignedUrls);
      const form = fieldForm(defined({ id, expiry, metadata, requireSignedURLs }));
      const draft = await call(draftSchema, {
        method: 'POST',
        url: `${images}/v2/direct_upload`,
        ...form,
        signal,
      });
      return { id: draft.id, uploadUrl: draft.uploadURL };
    },
    details: async (id, signal) => {
      const response = await send({ method: 'GET', url: imageUrl(id), signal });
      if (response.status !== 404) {
        return checked(detailsSchema, await resultOf(response));
      }
      await response.discard();
      return undefined;
    },
    blob,
    measure: (id, signal) => measureBlob((range) => blob(id, { range, signal })),
    remove: async (id, signal) => {
      const response = await send({ method: 'DELETE', url: imageUrl(id), signal });
      if (response.status === 404) {
        await response.discard();
      } else {
        await resultOf(response);
      }
    },
    stats: async (signal) =>
      (await call(statsSchema, { method: 'GET', url: `${images}/v1/stats`, signal })).count,
    tokenStatus: async (signal) => {
      const response = await send({ method: 'GET', url: `${base}/user/tokens/verify`, signal });
      const envelope = parseEnvelope(await response.text());
      return tokenSchema.safeParse(envelope?.result).data?.status;
    },
    close: client.close,
  };
}

function checked<T>(schema: z.ZodType<T>, result: unknown): T {
  const parsed = schema.safeParse(result);
  if (!parsed.success) {
    throw fail('channel_unavailable', {
      message: `${service}: the answer is not what the API promises`,
    });
  }
  return parsed.data;
}

function fieldList(fields: Readonly<Record<string, string>>): { name: string; value: string }[] {
  return Object.entries(fields).map(([name, value]) => ({ name, value }));
}

/** A form without files; the API takes no other encoding. */
function fieldForm(fields: Readonly<Record<string, string>>): {
  headers: Record<string, string>;
  body: string;
} {
  const boundary = `stowage${randomBytes(16).toString('hex')}`;
  const parts = fieldList(fields).map(
    ({ name, value }) =>
      `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  );
  return {
    headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
    body: `${parts.join('')}--${boundary}--\r\n`,
  };
}
