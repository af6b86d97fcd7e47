import { z } from 'zod';
import { secret } from '../driver.ts';

const mebibyte = 2 ** 20;
const defaultSegmentBytes = 32 * mebibyte;

const plainUrl = z
  .url({ protocol: /^https?$/ })
  .refine((text) => !/[?#]/.test(text), 'must not have a query or a fragment')
  .refine(
    (text) => withoutCredentials(text),
    'must not hold a user name or password: use `username` and `password`',
  );

export const webdavSettings = z.strictObject({
  baseUrl: plainUrl.describe(
    'Address of the folder that files are stored under, such as `https://dav.example.com/remote.php/dav/files/me/media/`.',
  ),
  username: z.string().min(1).optional().describe('User name for Basic authentication.'),
  password: secret(
    'Password for Basic authentication; an app password where the server offers them.',
  ).optional(),
  headers: z
    .union([
      z.record(z.string(), z.string()),
      z
        .string()
        .refine((text) => parseHeaders(text) !== undefined, 'must be a JSON object of strings'),
    ])
    .optional()
    .meta({
      secret: true,
      description:
        'Further request headers, as an object or as its JSON text; an `Authorization` here takes the place of user name and password.',
    }),
  createDirectory: z
    .boolean()
    .default(true)
    .describe(
      'Make missing folders with MKCOL. Switch off for servers that make them by themselves or have no folders.',
    ),
  publicUrl: plainUrl
    .optional()
    .describe(
      'Public address of the same folder, when a web server shows it without credentials. Not used yet: links lead through Stowage.',
    ),
  segments: z
    .union([z.boolean(), z.int().min(mebibyte)])
    .default(false)
    .describe(
      'Store large files as segments, which chunked upload needs: `true` (32 MiB each) or the segment size in bytes.',
    ),
});

export type WebdavSettings = z.infer<typeof webdavSettings>;

export function segmentBytes(settings: WebdavSettings): number | undefined {
  if (settings.segments === false) {
    return undefined;
  }
  return settings.segments === true ? defaultSegmentBytes : settings.segments;
}

/** Headers of every request, names in lower case. */
export function requestHeaders(settings: WebdavSettings): Record<string, string> {
  const given =
    typeof settings.headers === 'string' ? parseHeaders(settings.headers) : settings.headers;
  const own = Object.entries(given ?? {}).map(([name, value]) => [name.toLowerCase(), value]);
  return { ...basicAuth(settings), ...Object.fromEntries(own) };
}

/**
 * Everything that must not show up in a text: values of the headers, whole and word by word
 * (`Bearer abc`), and the password.
 */
export function secretsOf(settings: WebdavSettings): readonly (string | undefined)[] {
  const values = Object.values(requestHeaders(settings));
  return [settings.password, ...values, ...values.flatMap((value) => value.split(/[\s,;=]+/))];
}

function basicAuth({ username, password }: WebdavSettings): Record<string, string> {
  if (username === undefined && password === undefined) {
    return {};
  }
  return {
    authorization: `Basic ${Buffer.from(`${username ?? ''}:${password ?? ''}`).toString('base64')}`,
  };
}

function parseHeaders(text: string): Record<string, string> | undefined {
  try {
    return z.record(z.string(), z.string()).safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

function withoutCredentials(text: string): boolean {
  const url = URL.parse(text);
  return url === null || (url.username === '' && url.password === '');
}
