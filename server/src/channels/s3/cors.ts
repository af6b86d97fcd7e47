import { hash } from 'node:crypto';
import type { Finding, InspectOptions } from '../../core/channel.ts';
import { isStowageError } from '../../core/errors.ts';
import type { Bucket } from './client/client.ts';
import { heldPayload, xmlPayload } from './client/payload.ts';
import { textOf, textsOf, toXml, type XmlElement } from './client/xml.ts';

/** One rule in the words of the S3 API. */
interface CorsRule {
  readonly ID?: string | undefined;
  readonly AllowedOrigins: readonly string[];
  readonly AllowedMethods: readonly string[];
  readonly AllowedHeaders: readonly string[];
  readonly ExposeHeaders: readonly string[];
  readonly MaxAgeSeconds?: number | undefined;
}

const topic = 'CORS';
const ruleId = 'stowage-uploads';

/**
 * Whether browsers on `origins` may PUT to presigned addresses. If not, the missing rule is
 * reported, or added where `mayChange` and the setting `manageCors` both allow it; rules of others
 * are kept. Programs do not need it, and many credentials may not read CORS rules.
 */
export async function inspectCors(bucket: Bucket, options: InspectOptions): Promise<Finding> {
  const { origins, signal } = options;
  const rule = uploadRule(bucket, origins);
  const allowed = `uploads from ${origins.join(', ')} are allowed`;
  try {
    const rules = await readRules(bucket, signal);
    if (origins.every((origin) => rules.some((each) => allows(each, origin)))) {
      return { topic, ok: true, message: allowed };
    }
    if (!bucket.settings.manageCors || !options.mayChange) {
      return lacking(whatIsMissing(bucket, origins), rule);
    }
    await writeRules(bucket, [...rules.filter((each) => each.ID !== ruleId), rule], signal);
    return { topic, ok: true, message: `${allowed} as of now` };
  } catch (error) {
    if (isStowageError(error, 'channel_unauthorized') || isStowageError(error, 'channel_refused')) {
      return lacking(`The CORS rules of the bucket could not be handled: ${error.message}`, rule);
    }
    return { topic, ok: false, message: error instanceof Error ? error.message : String(error) };
  }
}

function whatIsMissing({ name, settings }: Bucket, origins: readonly string[]): string {
  const message = `The CORS rules of bucket ${name} do not allow uploads from ${origins.join(', ')}.`;
  return settings.manageCors ? `${message} \`stowage doctor --fix\` adds the rule.` : message;
}

function lacking(message: string, rule: CorsRule): Finding {
  return { topic, ok: false, message: `${message} Browsers need ${JSON.stringify(rule)}` };
}

function uploadRule(bucket: Bucket, origins: readonly string[]): CorsRule {
  const headers = bucket.keepsChecksums ? ['content-type', 'x-amz-*'] : ['content-type'];
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
