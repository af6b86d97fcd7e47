import type { Category } from './metadata.ts';

// The first extension of a type is the one it gets; the first type of an extension is the one it means.
const types: Readonly<Record<string, readonly string[]>> = {
  'image/jpeg': ['jpg', 'jpeg', 'jpe', 'jfif'],
  'image/png': ['png'],
  'image/apng': ['apng'],
  'image/gif': ['gif'],
  'image/webp': ['webp'],
  'image/avif': ['avif'],
  'image/heic': ['heic'],
  'image/heif': ['heif'],
  'image/bmp': ['bmp', 'dib'],
  'image/tiff': ['tiff', 'tif'],
  'image/svg+xml': ['svg', 'svgz'],
  'image/x-icon': ['ico', 'cur'],
  'image/jxl': ['jxl'],
  'image/vnd.adobe.photoshop': ['psd'],
  'video/mp4': ['mp4', 'm4v'],
  'video/quicktime': ['mov', 'qt'],
  'video/webm': ['webm'],
  'video/x-matroska': ['mkv'],
  'video/x-msvideo': ['avi'],
  'video/mpeg': ['mpg', 'mpeg', 'mpe'],
  'video/mp2t': ['ts', 'm2ts', 'mts'],
  'video/3gpp': ['3gp'],
  'video/3gpp2': ['3g2'],
  'video/ogg': ['ogv'],
  'video/x-flv': ['flv'],
  'video/x-ms-wmv': ['wmv'],
  'audio/mpeg': ['mp3'],
  'audio/mp4': ['m4a', 'm4b'],
  'audio/aac': ['aac'],
  'audio/ogg': ['ogg', 'oga'],
  'audio/opus': ['opus'],
  'audio/wav': ['wav'],
  'audio/flac': ['flac'],
  'audio/webm': ['weba'],
  'audio/aiff': ['aiff', 'aif'],
  'audio/amr': ['amr'],
  'audio/midi': ['mid', 'midi'],
  'audio/x-ms-wma': ['wma'],
  'application/pdf': ['pdf'],
  'application/postscript': ['ps', 'ai', 'eps'],
  'application/rtf': ['rtf'],
  'application/msword': ['doc'],
  'application/vnd.openxmlformats-officedocument.wordprocessingml.document': ['docx'],
  'application/vnd.ms-excel': ['xls'],
  'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet': ['xlsx'],
  'application/vnd.ms-powerpoint': ['ppt'],
  'application/vnd.openxmlformats-officedocument.presentationml.presentation': ['pptx'],
  'application/vnd.oasis.opendocument.text': ['odt'],
  'application/vnd.oasis.opendocument.spreadsheet': ['ods'],
  'application/vnd.oasis.opendocument.presentation': ['odp'],
  'application/epub+zip': ['epub'],
  'application/json': ['json', 'map'],
  'application/ld+json': ['jsonld'],
  'application/geo+json': ['geojson'],
  'application/x-ndjson': ['ndjson', 'jsonl'],
  'application/yaml': ['yaml', 'yml'],
  'application/toml': ['toml'],
  'application/sql': ['sql'],
  'text/plain': ['txt', 'text', 'log', 'ini', 'conf', 'cfg', 'env'],
  'text/markdown': ['md', 'markdown'],
  'text/csv': ['csv'],
  'text/tab-separated-values': ['tsv'],
  'text/calendar': ['ics'],
  'text/vcard': ['vcf'],
  'text/vtt': ['vtt'],
  'application/x-subrip': ['srt'],
  'text/css': ['css'],
  'text/html': ['html', 'htm', 'shtml'],
  'application/xhtml+xml': ['xhtml', 'xht'],
  'application/xml': ['xml', 'xsl', 'xslt', 'rss', 'atom', 'plist'],
  'text/javascript': ['js', 'mjs', 'cjs'],
  'multipart/related': ['mht', 'mhtml'],
  'message/rfc822': ['eml'],
  'application/zip': ['zip'],
  'application/gzip': ['gz', 'tgz'],
  'application/x-7z-compressed': ['7z'],
  'application/x-rar-compressed': ['rar'],
  'application/x-tar': ['tar'],
  'application/x-bzip2': ['bz2'],
  'application/x-xz': ['xz'],
  'application/zstd': ['zst'],
  'application/java-archive': ['jar'],
  'application/vnd.android.package-archive': ['apk'],
  'application/x-apple-diskimage': ['dmg'],
  'application/x-iso9660-image': ['iso'],
  'application/x-msdownload': ['exe', 'dll'],
  'application/wasm': ['wasm'],
  'application/x-sqlite3': ['sqlite', 'sqlite3', 'db'],
  'application/x-shockwave-flash': ['swf'],
  'font/woff': ['woff'],
  'font/woff2': ['woff2'],
  'font/ttf': ['ttf'],
  'font/otf': ['otf'],
  'application/vnd.ms-fontobject': ['eot'],
  'application/octet-stream': ['bin'],
};

const typeOfExtension = new Map<string, string>();
for (const [type, extensions] of Object.entries(types)) {
  for (const extension of extensions) if (!typeOfExtension.has(extension)) typeOfExtension.set(extension, type);
}

// Other spellings in use.
const aliases: ReadonlyMap<string, string> = new Map([
  ['image/jpg', 'image/jpeg'],
  ['image/pjpeg', 'image/jpeg'],
  ['image/x-png', 'image/png'],
  ['image/x-ms-bmp', 'image/bmp'],
  ['image/x-bmp', 'image/bmp'],
  ['image/vnd.microsoft.icon', 'image/x-icon'],
  ['image/svg', 'image/svg+xml'],
  ['video/x-m4v', 'video/mp4'],
  ['video/mp1s', 'video/mpeg'],
  ['video/mp2p', 'video/mpeg'],
  ['image/heic-sequence', 'image/heic'],
  ['image/heif-sequence', 'image/heif'],
  ['video/avi', 'video/x-msvideo'],
  ['video/vnd.avi', 'video/x-msvideo'],
  ['video/matroska', 'video/x-matroska'],
  ['audio/mp3', 'audio/mpeg'],
  ['audio/x-m4a', 'audio/mp4'],
  ['audio/x-wav', 'audio/wav'],
  ['audio/wave', 'audio/wav'],
  ['audio/vnd.wave', 'audio/wav'],
  ['audio/x-flac', 'audio/flac'],
  ['audio/x-aac', 'audio/aac'],
  ['audio/x-aiff', 'audio/aiff'],
  ['application/x-pdf', 'application/pdf'],
  ['application/x-zip-compressed', 'application/zip'],
  ['application/x-gzip', 'application/gzip'],
  ['application/vnd.rar', 'application/x-rar-compressed'],
  ['application/x-javascript', 'text/javascript'],
  ['application/javascript', 'text/javascript'],
  ['application/ecmascript', 'text/javascript'],
  ['text/ecmascript', 'text/javascript'],
  ['text/xml', 'application/xml'],
  ['text/x-markdown', 'text/markdown'],
  ['application/csv', 'text/csv'],
  ['text/json', 'application/json'],
  ['application/x-yaml', 'application/yaml'],
  ['text/yaml', 'application/yaml'],
  ['text/rtf', 'application/rtf'],
]);

/** `type/subtype` in lower case and its usual spelling, without parameters; undefined when it is no media type. */
export function essenceOf(contentType: string | undefined): string | undefined {
  const essence = contentType?.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  if (!/^[a-z0-9][a-z0-9!#$&^_.+-]{0,126}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}$/.test(essence)) return undefined;
  return aliases.get(essence) ?? essence;
}

/**
 * True when a browser that opens such a file may run what is inside it: markup, scripts, stylesheets of XML, archives of pages, plug-ins.
 * (A PDF's scripts stay within its viewer.)
 */
export function isActive(contentType: string): boolean {
  const essence = essenceOf(contentType) ?? '';
  return activeTypes.has(essence) || essence.endsWith('+xml');
}

const activeTypes: ReadonlySet<string> = new Set([
  'text/html',
  'application/xml',
  'text/javascript',
  'text/xsl',
  'multipart/related',
  'multipart/x-mixed-replace',
  'message/rfc822',
  'application/x-shockwave-flash',
  'application/vnd.ms-htmlhelp',
  'application/x-ms-shortcut',
]);

/** The media type that a file's extension means, undefined when unknown. */
export function typeOfName(filename: string): string | undefined {
  return typeOfExtension.get(/\.([^./\\]+)$/.exec(filename)?.[1]?.toLowerCase() ?? '');
}

/**
 * The extension of a stored name, without a dot, lower case: the file name's own when it is a sane one, else the one of its type, else the
 * subtype, else `bin` (Upload API 1.7).
 */
export function extensionFor(filename: string, contentType: string): string {
  const own = /\.([a-z0-9]{1,10})$/i.exec(filename)?.[1]?.toLowerCase();
  if (own !== undefined && /[a-z]/.test(own)) return own;
  const essence = essenceOf(contentType);
  const known = essence === undefined ? undefined : types[essence]?.[0];
  if (known !== undefined) return known;
  const subtype = /\/(?:x-)?([a-z0-9]{1,10})$/.exec(essence ?? '')?.[1];
  return subtype ?? 'bin';
}

const documents: ReadonlySet<string> = new Set(
  Object.keys(types).filter((type) =>
    /^(?:text\/|application\/(?:pdf|postscript|rtf|msword|epub|vnd\.(?:open|ms-(?!font)|oasis)))/.test(type),
  ),
);

export function categoryOf(contentType: string): Category {
  const essence = essenceOf(contentType) ?? '';
  const [top] = essence.split('/', 1);
  if (top === 'image' || top === 'video' || top === 'audio') return top;
  return top === 'text' || documents.has(essence) || dataFormats.has(essence) ? 'document' : 'other';
}

const dataFormats: ReadonlySet<string> = new Set([
  'application/json',
  'application/xml',
  'application/xhtml+xml',
  'application/yaml',
  'application/toml',
  'application/x-ndjson',
  'application/x-subrip',
]);
