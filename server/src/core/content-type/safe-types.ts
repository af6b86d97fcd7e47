import { supportedMimeTypes } from 'file-type';
import { extensionsOf } from './media-type-names.ts';
import { essenceOf } from './media-types.ts';

/**
 * True when a browser that opens such a file may run its content: markup, scripts, XML stylesheets,
 * web archives, plug-ins. (A PDF's scripts stay within its viewer.)
 */
export function isActive(contentType: string): boolean {
  const essence = essenceOf(contentType) ?? '';
  return activeTypes.has(essence) || (essence.endsWith('+xml') && !inertXml.has(essence));
}

/**
 * True when no program runs the content, whatever the bytes are: the types that go to decoders and
 * players, and others by name. A type that is neither active nor inert is one that Stowage does not
 * know.
 */
export function isInert(contentType: string): boolean {
  const essence = essenceOf(contentType) ?? '';
  if (isActive(essence)) {
    return false;
  }
  return (
    /^(?:image|audio|video|font|model)\//.test(essence) ||
    /^application\/.+\+(?:json|zip|gzip|cbor)$/.test(essence) ||
    inertTypes.has(essence)
  );
}

/** Playlists and captions. Players refuse them under any other type, and no browser runs them. */
export const playerTypes: ReadonlySet<string> = new Set([
  ...[
    'application/vnd.apple.mpegurl',
    'audio/x-mpegurl',
    'audio/x-scpls',
    'application/dash+xml',
    'application/xspf+xml',
  ],
  ...[
    'text/vtt',
    'application/x-subrip',
    'text/x-ssa',
    'application/ttml+xml',
    'text/x-lrc',
    'application/x-cue',
  ],
]);

/** Whether files of a type are text, to which a charset belongs. */
export function isText(contentType: string): boolean {
  const essence = essenceOf(contentType) ?? '';
  return (
    essence.startsWith('text/') ||
    /\+(?:json|xml)$/.test(essence) ||
    playerTypes.has(essence) ||
    textTypes.has(essence)
  );
}

const textTypes: ReadonlySet<string> = new Set(
  ['json', 'x-ndjson', 'xml', 'yaml', 'toml', 'sql', 'rtf', 'x-sh', 'x-tex', 'x-httpd-php'].map(
    (type) => `application/${type}`,
  ),
);

const activeTypes: ReadonlySet<string> = new Set([
  'text/html',
  'application/xml',
  'text/javascript',
  'text/x-component',
  'text/scriptlet',
  'text/x-server-parsed-html',
  'text/cache-manifest',
  'text/vnd.wap.wml',
  'multipart/related',
  'multipart/x-mixed-replace',
  'message/rfc822',
  'application/hta',
  'application/x-shockwave-flash',
  'application/vnd.ms-htmlhelp',
  'application/x-ms-shortcut',
  'application/x-java-jnlp-file',
  'application/x-xpinstall',
  'application/x-google-chrome-extension',
]);

/**
 * Players recognise them by type. Given only to bytes that hold nothing else (`text-sniff.ts`), and
 * served in a sandbox.
 */
const inertXml: ReadonlySet<string> = new Set([
  'application/dash+xml',
  'application/xspf+xml',
  'application/ttml+xml',
]);

/**
 * Beside the top-level types: known by their extension, recognised by their bytes, or sent by
 * programs.
 */
const inertTypes: ReadonlySet<string> = new Set([
  ...Object.keys(extensionsOf),
  ...supportedMimeTypes,
  ...[
    'x-python',
    'x-c',
    'x-csrc',
    'x-c++src',
    'x-chdr',
    'x-java',
    'x-java-source',
    'x-go',
    'x-rust',
    'x-ruby',
    'x-perl',
  ].map((type) => `text/${type}`),
  ...[
    'x-sh',
    'x-shellscript',
    'x-log',
    'x-diff',
    'x-patch',
    'x-tex',
    'x-lua',
    'x-sql',
    'x-toml',
    'x-properties',
  ].map((type) => `text/${type}`),
  ...['x-sh', 'x-httpd-php', 'x-tex', 'cbor', 'x-protobuf', 'x-parquet', 'x-ole-storage'].map(
    (type) => `application/${type}`,
  ),
]);
