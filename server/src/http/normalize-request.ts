import type { IncomingMessage } from 'node:http';

/**
 * The target that all later code works with, so that no route sees two spellings of one address
 * (RFC 9112 3.2.2, RFC 3986 6.2.2). Absolute-form loses its origin, which replaces `Host`. Repeated
 * slashes become one. Percent-encoded letters, digits and `-._~` of the path are decoded. A
 * fragment is dropped. An invalid Content-Type is dropped too, because many clients send
 * `undefined` or `jpg`.
 */
export function normalizeRequest(request: IncomingMessage): string {
  if (!isContentType(request.headers['content-type'])) {
    delete request.headers['content-type'];
  }
  const target = request.url ?? '/';
  return isNormal(target) ? target : normalize(target, request);
}

/** The fast path for most requests. */
function isNormal(target: string): boolean {
  return target.startsWith('/') && !/[%#]|\/\//.test(target);
}

function normalize(target: string, request: IncomingMessage): string {
  const [, origin, authority = '', rest = ''] =
    /^(https?:\/\/([^/?#]*))?([^#]*)/is.exec(target) ?? [];
  if (origin !== undefined && authority !== '') {
    request.headers.host = authority.slice(authority.lastIndexOf('@') + 1);
  }
  const [, path = '', query = ''] = /^([^?]*)(.*)$/s.exec(rest) ?? [];
  // `*` of OPTIONS stays unchanged.
  if (origin === undefined && !path.startsWith('/')) {
    return target;
  }
  return decodeUnreserved(singleSlashes(`/${path}`)) + query;
}

/**
 * Clients append paths to base addresses that end in a slash. The text behind a route that takes
 * links stays unchanged: `//file/a` is a link.
 */
function singleSlashes(path: string): string {
  const [, route = path, link = ''] = /^(\/+api\/+manage\/+\w+\/)(.*)$/s.exec(path) ?? [];
  return route.replaceAll(/\/{2,}/g, '/') + link;
}

function decodeUnreserved(path: string): string {
  return path.replace(/%[0-9a-f]{2}/gi, (encoded) => {
    const character = String.fromCharCode(Number.parseInt(encoded.slice(1), 16));
    return /[\w.~-]/.test(character) ? character : encoded;
  });
}

const mediaType = /^\s*[\w!#$%&'*+.^`|~-]+\/[\w!#$%&'*+.^`|~-]+\s*(?:;|$)/;

function isContentType(header: string | undefined): boolean {
  return header === undefined || mediaType.test(header);
}
