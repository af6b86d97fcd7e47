import type { IncomingMessage } from 'node:http';
import { categoryOf, essenceOf } from '../../core/content-type/media-types.ts';
import type { FileRecord } from '../../core/metadata.ts';
import { encodePath } from '../../core/naming/path-text.ts';
import type { Media } from '../../core/uploads/presigned/media.ts';
import { requestOrigin } from '../address/request-origin.ts';
import type { HttpSettings } from '../deps.ts';

export interface PresentContext {
  readonly request: IncomingMessage;
  readonly settings: HttpSettings;
}

/** Media API 5.2: every name that some client reads. */
export function presentFile(file: FileRecord, context: PresentContext) {
  const { width, height } = file;
  const url = context.settings.showUrls
    ? `${requestOrigin(context.request, context.settings)}/file/${encodePath(file.path)}`
    : null;
  const type = categoryOf(file.contentType);
  return {
    ...ids(file.id),
    ...states('ready'),
    ...named({
      type,
      filename: file.filename,
      contentType: essenceOf(file.contentType) ?? file.contentType,
      size: file.size,
    }),
    ...shape(width, height),
    duration: file.durationSeconds,
    url,
    thumbnail_url: type === 'image' ? url : null,
    error_message: null,
    created_at: new Date(file.createdAt).toISOString(),
  };
}

export function presentMedia(media: Media, context: PresentContext) {
  if (media.state === 'ready') {
    return presentFile(media.stored.file, context);
  }
  const { upload, details, state } = media;
  return {
    ...ids(upload.id),
    ...states(state),
    ...named({
      type: details.category,
      filename: details.filename,
      contentType: details.contentType,
      size: details.received?.size ?? details.declaredSize,
    }),
    ...shape(details.width, details.height),
    duration: details.durationSeconds,
    url: null,
    thumbnail_url: null,
    error_message: details.error?.message ?? null,
    created_at: new Date(upload.createdAt).toISOString(),
  };
}

function ids(id: string) {
  return { media_id: id, id, media_ids: [id] };
}

function states(state: string) {
  return { status: state, media_status: state, upload_status: state };
}

interface Named {
  readonly type: string;
  readonly filename: string;
  readonly contentType: string;
  readonly size: number | null;
}

function named({ type, filename, contentType, size }: Named) {
  return {
    type,
    media_type: type,
    filename,
    original_name: filename,
    content_type: contentType,
    mime_type: contentType,
    size,
    file_size: size,
  };
}

function shape(width: number | null, height: number | null) {
  const known = width !== null && height !== null && width > 0 && height > 0;
  return {
    width,
    height,
    dimensions: known ? { width, height } : null,
    aspect_ratio: known ? Math.round((width / height) * 10_000) / 10_000 : null,
    orientation: known ? orientation(width, height) : null,
  };
}

function orientation(width: number, height: number): string {
  if (width === height) {
    return 'square';
  }
  return width > height ? 'landscape' : 'portrait';
}
