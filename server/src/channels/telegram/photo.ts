import { imageSize } from 'image-size';
import type { ByteSource } from '../../core/bytes.ts';
import type { PutOptions } from '../../core/channel.ts';
import { peek } from '../shared/sources.ts';

const maxPhotoBytes = 10_000_000;
const maxSides = 10_000;
const maxRatio = 20;
// The size of a JPEG stands after its Exif and ICC segments
const headBytes = 256 * 1024;

/**
 * Whether the file may go out as a photo, which Telegram recompresses. Only JPEG: everything else
 * would come back as JPEG, under a content type that promises something else. Anything uncertain is
 * sent as a document: that never fails.
 */
export async function chooseForm(
  source: ByteSource,
  options: PutOptions,
): Promise<{ as: 'photo' | 'document'; source: ByteSource }> {
  const { compress, contentType, size } = options;
  if (!compress || contentType !== 'image/jpeg' || size === undefined || size > maxPhotoBytes) {
    return { as: 'document', source };
  }
  const peeked = await peek(source, headBytes);
  return { as: fitsPhoto(peeked.head) ? 'photo' : 'document', source: peeked.source };
}

function fitsPhoto(head: Uint8Array): boolean {
  try {
    const { width, height, type } = imageSize(head);
    return (
      type === 'jpg' &&
      width + height <= maxSides &&
      Math.max(width, height) <= maxRatio * Math.min(width, height)
    );
  } catch {
    return false;
  }
}
