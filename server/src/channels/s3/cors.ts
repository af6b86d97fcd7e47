import { hash } from 'node:crypto';
import type { CallOptions } from '../../core/channel.ts';
import { isStowageError } from '../../core/errors.ts';
import type { Bucket } from './client.ts';
import { heldPayload, xmlPayload } from './payload.ts';
import { textOf, textsOf, toXml, type XmlElement } from './xml.ts';

/** One rule in the words of the S3 API. */
export interface CorsRule {
  readonly ID?: string | undefined;
  readonly AllowedOrigins: readonly string[];
  readonly AllowedMethods: readonly string[];
  readonly AllowedHeaders: readonly string[];
  readonly ExposeHeaders: readonly string[];
  readonly MaxAgeSeconds?: number | undefined;
}

/**
 * Whether browsers on `origins` may PUT to presigned addresses. `rule` is what the bucket lacks, in
 * the words of the S3 API.
 */
export type CorsReport =
  | { readonly state: 'ok' | 'changed' }
  | { readonly state: 'missing' | 'unknown'; readonly message: string; readonly rule: CorsRule };

const ruleId = 'stowage-uploads';

/**
 * Looks at the bucket's CORS rules. When browsers could not upload, the missing rule is reported,
 * or added where `mayWrite` and the setting `manageCors` both allow it; rules of others are kept.
 * Many credentials may not read CORS rules: that is `unknown`, not an error.
 */
export async function ensureCors(
  bucket: Bucket,
  origins: readonly string[],
  { signal, mayWrite }: CallOptions & { readonly mayWrite: boolean },
): Promise<CorsReport> {
  const rule = uploadRule(bucket, origins);
  try {
    const rules = await readRules(bucket, signal);
    if (origins.every((origin) => rules.some((each) => allows(each, origin)))) {
      return { state: 'ok' };
    }
    const message = `The CORS rules of bucket ${bucket.name} do not allow uploads from ${origins.join(', ')}.`;
    if (!bucket.settings.manageCors) {
      return { state: 'missing', message, rule };
    }
    if (!mayWrite) {
      return {
        state: 'missing',
        message: `${message} \`stowage doctor --fix\` adds the rule.`,
        rule,
      };
    }
    await writeRules(bucket, [...rules.filter((each) => each.ID !== ruleId), rule], signal);
    return { state: 'changed' };
  } catch (error) {
    if (
      !isStowageError(error, 'channel_unauthorized') &&
      !isStowageError(error, 'channel_refused')
    ) {
      throw error;
    }
    return {
      state: 'unknown',
      message: `The CORS rules of the bucket could not be handled: ${error.message}`,
      rule,
    };
  }
}

function uploadRule(bucket: Bucket, origins: readonly string[]): CorsRule {
  const headers = ['content-type', ...(bucket.keepsChecksums ? ['x-amz-*'] : [])];
  return {
    ID: ruleId,
    AllowedOrigins: [...origins],
    AllowedMethods: ['PUT'],
    AllowedHeaders: headers,
    ExposeHeaders: ['ETag'],
    MaxAgeSeconds: 3600,
  };
}

async function readRules(bucket: Bucket, signal: AbortSignal): Promise<readonly CorsRule[]> {
  try {
    const { document } = await bucket.ask({ method: 'GET', query: { cors: '' }, signal });
    return document.children.filter(({ name }) => name === 'CORSRule').map(readRule);
  } catch (error) {
    // NoSuchCORSConfiguration
    if (isStowageError(error, 'not_found')) {
      return [];
    }
    throw error;
  }
}

function readRule(element: XmlElement): CorsRule {
  const maxAge = textOf(element, 'MaxAgeSeconds');
  return {
    ID: textOf(element, 'ID'),
    AllowedOrigins: textsOf(element, 'AllowedOrigin'),
    AllowedMethods: textsOf(element, 'AllowedMethod'),
    AllowedHeaders: textsOf(element, 'AllowedHeader'),
    ExposeHeaders: textsOf(element, 'ExposeHeader'),
    MaxAgeSeconds: maxAge === undefined ? undefined : Number(maxAge),
  };
}

async function writeRules(
  bucket: Bucket,
  rules: readonly CorsRule[],
  signal: AbortSignal,
): Promise<void> {
  const payload = xmlPayload(toXml('CORSConfiguration', rules.map(writeRule)));
  const bytes = Buffer.from(payload.body as string);
  // This call wants a checksum of its body; services without CRCs know the older one.
  const checksum = bucket.keepsChecksums
    ? heldPayload(bucket, bytes).headers
    : { 'content-md5': hash('md5', bytes, 'base64') };
  await bucket.send({
    method: 'PUT',
    query: { cors: '' },
    ...payload,
    headers: { ...payload.headers, ...checksum },
    signal,
  });
}

function writeRule(rule: CorsRule): string {
  return toXml('CORSRule', [
    toXml('ID', rule.ID),
    ...rule.AllowedHeaders.map((header) => toXml('AllowedHeader', header)),
    ...rule.AllowedMethods.map((method) => toXml('AllowedMethod', method)),
    ...rule.AllowedOrigins.map((origin) => toXml('AllowedOrigin', origin)),
    ...rule.ExposeHeaders.map((header) => toXml('ExposeHeader', header)),
    toXml(
      'MaxAgeSeconds',
      rule.MaxAgeSeconds === undefined ? undefined : String(rule.MaxAgeSeconds),
    ),
  ]);
}

function allows(rule: CorsRule, origin: string): boolean {
  const put = rule.AllowedMethods.includes('PUT');
  const from = rule.AllowedOrigins.some((pattern) => matches(pattern, origin));
  return (
    put &&
    from &&
    rule.AllowedHeaders.some((pattern) => matches(pattern.toLowerCase(), 'content-type'))
  );
}

function matches(pattern: string, text: string): boolean {
  const [before = '', after] = pattern.split('*');
  return after === undefined
    ? pattern === text
    : text.startsWith(before) && text.slice(before.length).endsWith(after);
}
