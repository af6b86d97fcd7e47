import { z } from 'zod';
import { joined, textFailures } from '../failures.ts';
import type { HeaderName } from '../headers.ts';
import type { Answers, Operation } from '../operation.ts';
import { bytes } from '../schemas/common.ts';

const path = '/file/{path}';
const tag = 'Files';

const where = z.object({
  path: z.string().meta({
    description: 'Path of the file, slashes included, percent-encoded or not. A comma may stand for a slash.',
    example: 'img/test/abc123_image.jpg',
  }),
});

const text = (description: string) => z.string().optional().meta({ description });
const conditions = z.object({
  'If-None-Match': text('ETags of copies that are there: 304 when one is current.'),
  'If-Modified-Since': text('304 when nothing is newer.'),
  'If-Match': text('412 when the file has none of these ETags.'),
  'If-Unmodified-Since': text('412 when the file is newer.'),
});
const ranges = conditions.extend({
  Range: text('One range: `bytes=0-1023`, `bytes=1024-` or `bytes=-500`.'),
  'If-Range': text('ETag or date: the range counts only while the file is the same.'),
});

const described: readonly HeaderName[] = ['ETag', 'Last-Modified', 'Accept-Ranges', 'Content-Disposition'];

const empty: Answers = {
  304: { description: 'The copy is current.', headers: ['ETag', 'Last-Modified'] },
  412: { description: 'A condition does not hold.' },
};

const failures = textFailures([
  { code: 'bad_request', message: 'Decode Image ID Failed' },
  { code: 'not_found', message: 'Image Not Found' },
  'internal_error',
  'content_damaged',
  'channel_unavailable',
  'channel_unauthorized',
  'channel_rate_limited',
  { code: 'service_unavailable', message: 'The storage channel of this file is no longer configured.' },
]);

export const fileOperations: readonly Operation[] = [
  {
    id: 'readFile',
    method: 'get',
    path,
    tag,
    summary: 'Read a file',
    description: [
      'Everything is sent so that nothing of it can run in the origin of this server. Pages, scripts and XML come as plain text and as a download, SVG and PDF as a download.',
      '`Content-Type` is what the bytes show. Bytes of no known kind keep the type that the sender declared, or that of their name, when it can do no harm; texts have a charset where it is known.',
      'Errors are text, `Error: ` and a sentence; a browser that opens a link itself gets a small page instead.',
      '**Caching.** Names that the server makes up (`uploadNameType` `default`, `index` or `short`, and everything of the Media API) are given once in all time: such a link never shows other bytes, also not after the file was deleted, and is sent with `Cache-Control: public, max-age=31536000, immutable`.',
      'A name that the caller chose (`uploadNameType=origin`) is free again once its file is deleted: its link is sent with `public, max-age=60, must-revalidate`, and caches ask again by `ETag`.',
      'With `?from=admin` the answer is `private, no-store`. A deletion does not reach copies that browsers and CDNs keep: purge the address at the CDN.',
    ].join('\n\n'),
    access: 'none',
    parameters: { path: where, header: ranges },
    answers: joined(
      {
        200: { description: 'The whole file.', headers: described, content: { '*/*': { schema: bytes } } },
        206: { description: 'A part of it.', headers: [...described, 'Content-Range'], content: { '*/*': { schema: bytes } } },
      },
      empty,
      { 416: { description: 'No byte of the file lies in this range (`range_not_satisfiable`).', headers: ['Content-Range'] } },
      failures,
    ),
  },
  {
    id: 'headFile',
    method: 'head',
    path,
    tag,
    summary: 'Look at a file without its bytes',
    description: 'The headers of GET.',
    access: 'none',
    parameters: { path: where, header: conditions },
    answers: joined({ 200: { description: 'The headers.', headers: described } }, empty, {
      404: { description: 'There is no such file.' },
    }),
  },
];
