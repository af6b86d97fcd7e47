import {
  createHttpClient,
  type HttpRequest,
  type HttpResponse,
} from '../../../outbound/http-client.ts';
import { defined } from '../../shared/defined.ts';
import { isAmazon, type S3Settings } from '../settings.ts';
import { addressOf } from './address.ts';
import { createClockOffset } from './clock-offset.ts';
import { type ErrorContext, failForOddResponse, failForResponse, place } from './errors.ts';
import { canonicalQuery, createSigner, escapeKey, type RequestToSign } from './sigv4.ts';
import { parseXml, textOf, type XmlElement } from './xml.ts';

/**
 * Services close idle sockets after 20 s or later; ours are gone before, so that no request meets a
 * closed one.
 */
const keepAliveMs = 15_000;
const maxSockets = 512;
/** Signature version 4 allows no more than a week. */
const maxExpirySeconds = 7 * 24 * 3600;
const maxDocumentBytes = 1_048_576;
const emptyHash = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

export interface S3Request extends Pick<HttpRequest, 'body' | 'contentLength' | 'signal'> {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';
  /** Full key in the bucket; absent for a request to the bucket itself. */
  readonly key?: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Names in lower case; all that are not undefined go out and are signed. */
  readonly headers?: Readonly<Record<string, string | undefined>>;
  /** What is signed as hash of the body. Default: that of no body. */
  readonly payload?: string;
  /** Whether the last byte of the body has gone out. A good response before that is none. */
  readonly isSent?: () => boolean;
}

/** A PUT that a client is to send. */
export interface PutToSign {
  readonly key: string;
  /** What the client must repeat exactly; names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly expiresInSeconds: number;
}

/** One bucket with its sockets, its signatures and the settings that every module here needs. */
export interface Bucket {
  readonly name: string;
  readonly settings: S3Settings;
  /**
   * Whether the service keeps checksums: they are sent along and part of what a client must send.
   */
  readonly keepsChecksums: boolean;
  keyOf(key: string): string;
  /**
   * The response to a request when its status is 2xx; its body must be read. Otherwise rejects with
   * the error of the channel family that it stands for.
   */
  open(request: S3Request): Promise<HttpResponse>;
  /** The same where the body is of no interest. */
  send(request: S3Request): Promise<HttpResponse>;
  /** The same where the body is a document, which may be an error in spite of the status. */
  ask(
    request: S3Request,
  ): Promise<{ readonly response: HttpResponse; readonly document: XmlElement }>;
  signUrl(put: PutToSign): string;
  close(): Promise<void>;
}

export function openBucket(settings: S3Settings): Bucket {
  const checksums =
    settings.checksums ?? (isAmazon(settings.endpoint) ? 'WHEN_SUPPORTED' : 'WHEN_REQUIRED');
  const { origin, host, path: base, region } = addressOf(settings);
  const signer = createSigner(settings, region);
  const clock = createClockOffset();
  const http = createHttpClient({
    service: place(settings),
    secrets: [settings.secretAccessKey, settings.sessionToken, settings.accessKeyId],
    connections: maxSockets,
    keepAliveMs,
  });
  const context: ErrorContext = { bucket: settings.bucket, redact: http.redact };
  const pathOf = (key: string | undefined): string =>
    `${base}/${key === undefined ? '' : escapeKey(key)}`;

  async function open(request: S3Request): Promise<HttpResponse> {
    const { method, query, signal, body, contentLength } = request;
    const toSign: RequestToSign = {
      method,
      path: pathOf(request.key),
      headers: defined({ ...request.headers, host }),
      query: query ?? {},
    };
    const headers = signer.sign(toSign, { payload: request.payload ?? emptyHash, at: clock.now() });
    headers['user-agent'] = settings.userAgent;
    const path = query === undefined ? toSign.path : `${toSign.path}?${canonicalQuery(query)}`;
    const response = await http.send({
      method,
      url: origin,
      exactPath: path,
      headers,
      body,
      contentLength,
      signal,
    });
    // A response out of a cache tells an old time.
    if (response.header('age') === undefined) {
      clock.learn(response.header('date'));
    }
    if (response.status < 200 || response.status > 299) {
      throw await failed(response);
    }
    if (request.isSent?.() === false) {
      await response.discard();
      throw failForOddResponse('the answer came before the body was through.', context);
    }
    return response;
  }

  async function failed(response: HttpResponse): Promise<unknown> {
    const body = parseXml(await response.text());
    clock.learn(textOf(body, 'ServerTime'));
    return failForResponse(
      { status: response.status, body, retryAfter: response.header('retry-after') },
      context,
    );
  }

  return {
    name: settings.bucket,
    settings,
    keepsChecksums: checksums === 'WHEN_SUPPORTED',
    keyOf: (key) => `${settings.prefix}${key}`,
    open,
    async send(request) {
      const response = await open(request);
      await response.discard();
      request.signal.throwIfAborted();
      return response;
    },
    async ask(request) {
      const response = await open(request);
      // Blanks keep the connection alive while a long call goes on.
      const document = parseXml((await response.text(maxDocumentBytes)).trimStart());
      if (document === undefined) {
        throw failForOddResponse('the answer is no XML document.', context);
      }
      if (document.name === 'Error') {
        throw failForResponse({ status: response.status, body: document }, context);
      }
      return { response, document };
    },
    signUrl({ key, headers, expiresInSeconds }) {
      const path = pathOf(key);
      const request = { method: 'PUT', path, headers: defined({ ...headers, host }) };
      const signed = signer.presign(request, {
        expiresInSeconds: Math.min(expiresInSeconds, maxExpirySeconds),
        at: clock.now(),
      });
      return `${origin}${path}?${signed}`;
    },
    close: () => http.close(),
  };
}
