import type { ReplayableBody } from '../../core/bytes.ts';
import type { PutOptions } from '../../core/channel.ts';
import type { MediaFacts, Prober } from '../../core/prober.ts';
import { peek } from '../../core/streams/peek.ts';

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
  body: ReplayableBody,
  { mayRecompress, contentType }: PutOptions,
  prober: Pick<Prober, 'fromHead'>,
): Promise<'photo' | 'document'> {
  const { size, once } = body;
  const isCandidate = mayRecompress && contentType === 'image/jpeg' && !once;
  if (!isCandidate || size === undefined || size > maxPhotoBytes) {
    return 'document';
  }
  const { head, leave } = await peek(body.open(), headBytes);
  leave();
  return fitsPhoto(prober.fromHead(head, contentType)) ? 'photo' : 'document';
}

function fitsPhoto({ width, height }: MediaFacts): boolean {
  return (
    width !== null &&
    height !== null &&
    width + height <= maxSides &&
    Math.max(width, height) <= maxRatio * Math.min(width, height)
  );
}
