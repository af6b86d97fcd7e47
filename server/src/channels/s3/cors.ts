import { type CORSRule, GetBucketCorsCommand, PutBucketCorsCommand } from '@aws-sdk/client-s3';
import type { CallOptions } from '../../core/channel.ts';
import { isStowageError } from '../../core/errors.ts';
import type { Bucket } from './client.ts';

/** Whether browsers on `origins` may PUT to presigned addresses. `rule` is what the bucket lacks, in the words of the S3 API. */
export type CorsReport =
  | { readonly state: 'ok' | 'changed' }
  | { readonly state: 'missing' | 'unknown'; readonly message: string; readonly rule: CORSRule };

const ruleId = 'stowage-uploads';

/**
 * Looks at the bucket's CORS rules. When browsers could not upload, the missing rule is reported, or added where `mayWrite` and the setting
 * `manageCors` both allow it; rules of others are kept. Many credentials may not read CORS rules: that is `unknown`, not an error.
 */
export async function ensureCors(
  bucket: Bucket,
  origins: readonly string[],
  { signal, mayWrite }: CallOptions & { readonly mayWrite: boolean },
): Promise<CorsReport> {
  const rule = uploadRule(bucket, origins);
  try {
    const rules = await readRules(bucket, signal);
    if (origins.every((origin) => rules.some((each) => allows(each, origin)))) return { state: 'ok' };
    const message = `The CORS rules of bucket ${bucket.name} do not allow uploads from ${origins.join(', ')}.`;
    if (!bucket.settings.manageCors) return { state: 'missing', message, rule };
    if (!mayWrite) return { state: 'missing', message: `${message} \`stowage doctor --fix\` adds the rule.`, rule };
    await writeRules(bucket, [...rules.filter((each) => each.ID !== ruleId), rule], signal);
    return { state: 'changed' };
  } catch (error) {
    if (!isStowageError(error, 'channel_unauthorized') && !isStowageError(error, 'channel_refused')) throw error;
    return { state: 'unknown', message: `The CORS rules of the bucket could not be handled: ${error.message}`, rule };
  }
}

function uploadRule(bucket: Bucket, origins: readonly string[]): CORSRule {
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

async function readRules(bucket: Bucket, signal: AbortSignal): Promise<readonly CORSRule[]> {
  try {
    const answer = await bucket.run(signal, (options) =>
      bucket.client.send(new GetBucketCorsCommand({ Bucket: bucket.name }), options),
    );
    return answer.CORSRules ?? [];
  } catch (error) {
    // NoSuchCORSConfiguration
    if (isStowageError(error, 'not_found')) return [];
    throw error;
  }
}

async function writeRules(bucket: Bucket, rules: readonly CORSRule[], signal: AbortSignal): Promise<void> {
  const command = new PutBucketCorsCommand({ Bucket: bucket.name, CORSConfiguration: { CORSRules: [...rules] } });
  await bucket.run(signal, (options) => bucket.client.send(command, options));
}

function allows(rule: CORSRule, origin: string): boolean {
  const put = rule.AllowedMethods?.includes('PUT') ?? false;
  const from = rule.AllowedOrigins?.some((pattern) => matches(pattern, origin)) ?? false;
  return put && from && (rule.AllowedHeaders?.some((pattern) => matches(pattern.toLowerCase(), 'content-type')) ?? false);
}

function matches(pattern: string, text: string): boolean {
  const [before = '', after] = pattern.split('*');
  return after === undefined ? pattern === text : text.startsWith(before) && text.slice(before.length).endsWith(after);
}
