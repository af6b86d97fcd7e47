import { randomUUID } from 'node:crypto';
import { open, rm } from 'node:fs/promises';

export interface EmulatedImage {
  readonly id: string;
  readonly requireSignedURLs: boolean;
  readonly meta: unknown;
  /** Until when a draft takes an upload. */
  readonly expiresAt: number | undefined;
  file: EmulatedFile | undefined;
  uploadedAt: number;
}

interface EmulatedFile {
  readonly path: string;
  readonly filename: string;
  readonly contentType: string;
  readonly size: number;
}

/** The response of a call of the API that fails. */
export interface Refusal {
  readonly status: number;
  readonly code: number;
  readonly message: string;
}

export function refusal(
  status: number,
  code: number,
  message: string,
): { readonly refused: Refusal } {
  return { refused: { status, code, message } };
}

export function isRefusal(value: object): value is { readonly refused: Refusal } {
  return 'refused' in value;
}

export const notFound = refusal(404, 5404, 'Image not found');

const uuid = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/i;
const minuteMs = 60_000;
const mostMetadataBytes = 1024;

export interface NewImage {
  readonly fields: Readonly<Record<string, string>>;
  readonly now: number;
  readonly draft: boolean;
}

/** Checks the fields that both ways of uploading have in common and makes the record. */
export function newImage(
  images: ReadonlyMap<string, EmulatedImage>,
  { fields, now, draft }: NewImage,
): EmulatedImage | { readonly refused: Refusal } {
  const { id, expiry, metadata = '{}', requireSignedURLs = 'false' } = fields;
  const expiresAt = draft ? expiryOf(expiry, now) : undefined;
  const meta = jsonOf(metadata);
  const bad = (message: string) => refusal(400, 5400, `Bad request: ${message}`);
  if (!['true', 'false'].includes(requireSignedURLs)) {
    return bad('requireSignedURLs must be true or false');
  }
  if (id !== undefined && !isCustomId(id)) {
    return bad('invalid custom ID');
  }
  if (id !== undefined && requireSignedURLs === 'true') {
    return bad('custom IDs cannot be used with requireSignedURLs');
  }
  // the documentation has no code for this; the last two digits of the others are those of the
  // status
  if (id !== undefined && images.has(id)) {
    return refusal(409, 5409, 'Resource already exists');
  }
  if (meta === undefined || Buffer.byteLength(metadata) > mostMetadataBytes) {
    return bad('metadata is not valid or too large');
  }
  if (draft && expiresAt === undefined) {
    return bad('expiry must be between 2 minutes and 6 hours from now');
  }
  return {
    id: id ?? randomUUID(),
    requireSignedURLs: requireSignedURLs === 'true',
    meta,
    expiresAt,
    file: undefined,
    uploadedAt: now,
  };
}

/**
 * As the API shows an image. A draft is marked as one, and has neither name nor variants that
 * deliver anything.
 */
export function present(image: EmulatedImage, delivery: string): Record<string, unknown> {
  return {
    id: image.id,
    ...(image.file === undefined ? { draft: true } : { filename: image.file.filename }),
    meta: image.meta,
    uploaded: new Date(image.uploadedAt).toISOString(),
    requireSignedURLs: image.requireSignedURLs,
    variants: [`${delivery}/${encodeURI(image.id)}/public`],
  };
}

export async function forget(
  images: Map<string, EmulatedImage>,
  image: EmulatedImage,
): Promise<void> {
  images.delete(image.id);
  if (image.file !== undefined) {
    await rm(image.file.path, { force: true });
  }
}

/** Type of a stored file by its first bytes; undefined for what the service does not take. */
export async function sniff(path: string): Promise<string | undefined> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(64), 0, 64, 0);
    const text = buffer.toString('latin1', 0, bytesRead);
    return signatures.find(([pattern]) => pattern.test(text))?.[1];
  } finally {
    await file.close();
  }
}

const signatures: readonly (readonly [RegExp, string])[] = [
  [/^\x89PNG\r\n/, 'image/png'],
  [/^\xff\xd8\xff/, 'image/jpeg'],
  [/^GIF8[79]a/, 'image/gif'],
  [/^RIFF....WEBP/s, 'image/webp'],
  [/^....ftyphei[cx]/s, 'image/heic'],
  [/^\s*(<\?xml|<svg)/, 'image/svg+xml'],
];

function isCustomId(id: string): boolean {
  return (
    id !== '' && id.length <= 1024 && !uuid.test(id) && !id.startsWith('/') && !id.endsWith('/')
  );
}

function expiryOf(expiry: string | undefined, now: number): number | undefined {
  if (expiry === undefined) {
    return now + 30 * minuteMs;
  }
  const at = Date.parse(expiry);
  return at >= now + 2 * minuteMs && at <= now + 360 * minuteMs ? at : undefined;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
