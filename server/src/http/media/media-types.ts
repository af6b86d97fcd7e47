/** Media API 2.1: what may be uploaded, and as what. */
export const categories = {
  'image/jpeg': 'image',
  'image/png': 'image',
  'image/gif': 'image',
  'image/webp': 'image',
  'image/heic': 'image',
  'image/heif': 'image',
  'video/mp4': 'video',
  'application/pdf': 'document',
} as const;

export type MediaCategory = (typeof categories)[keyof typeof categories];

export const supportedTypes = Object.keys(categories);

export function mediaCategory(contentType: string): MediaCategory | undefined {
  return categories[contentType as keyof typeof categories];
}
