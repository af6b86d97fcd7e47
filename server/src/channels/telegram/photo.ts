import type { ByteSource } from '../../core/bytes.ts';
import type { PutOptions } from '../../core/channel.ts';
import type { MediaFacts, Prober } from '../../core/prober.ts';
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
  prober: Pick<Prober, 'fromHead'>,
): Promise<{ as: 'photo' | 'document'; source: ByteSource }> {
  const { mayRecompress, contentType, size } = options;
  if (
    !mayRecompress ||
    contentType !== 'image/jpeg' ||
    size === undefined ||
    size > maxPhotoBytes
  ) {
    return { as: 'document', source };
  }
  const peeked = await peek(source, headBytes);
  const fits = fitsPhoto(prober.fromHead(peeked.head, contentType));
  return { as: fits ? 'photo' : 'document', source: peeked.source };
}

function fitsPhoto({ width, height }: MediaFacts): boolean {
  return (
    width !== null &&
    height !== null &&
    width + height <= maxSides &&
    Math.max(width, height) <= maxRatio * Math.min(width, height)
  );
}
