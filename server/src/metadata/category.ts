import type { Category } from '../core/metadata.ts';

const documents =
  /^(text\/|application\/(pdf|rtf|json|xml|msword|vnd\.(ms-|openxmlformats-officedocument|oasis\.opendocument)|epub\+zip|x-tex))/;

/** Where a file of this type is listed. */
export function categoryOf(contentType: string): Category {
  const type = contentType.toLowerCase();
  if (type.startsWith('image/')) return 'image';
  if (type.startsWith('video/')) return 'video';
  if (type.startsWith('audio/')) return 'audio';
  return documents.test(type) ? 'document' : 'other';
}
