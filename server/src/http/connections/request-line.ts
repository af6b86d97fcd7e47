/** The error of Node's parser for bytes that are not HTTP. */
export interface ParseError {
  readonly code?: string | undefined;
  /** A Buffer, whatever Fastify's types say. */
  readonly rawPacket?: unknown;
  /** Bytes of the packet that were parsed. */
  readonly bytesParsed?: number | undefined;
}

const requestLine =
  /^(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) (?:https?:\/\/[^/ ]+)?\/*(\/[^ ]*) HTTP\/1\.[01]\r?$/;

/**
 * The target of the request whose head holds the error, byte by byte as Latin-1; undefined when it
 * began in an earlier packet.
 */
export function targetOf(error: ParseError): string | undefined {
  const lines = linesUpTo(error);
  for (let at = lines.length - 1; at >= 0; at--) {
    const target = requestLine.exec(lines[at] ?? '')?.[1];
    if (target !== undefined) {
      return target;
    }
  }
  return undefined;
}

/** Complete lines of the packet, up to the one with the error. */
function linesUpTo({ rawPacket, bytesParsed = 0 }: ParseError): readonly string[] {
  if (!Buffer.isBuffer(rawPacket)) {
    return [];
  }
  const end = rawPacket.indexOf('\n', bytesParsed);
  return end === -1 ? [] : rawPacket.toString('latin1', 0, end).split('\n');
}

/**
 * Older curls and small clients send addresses in raw UTF-8, which the parser refuses. Returns the
 * same address with every non-ASCII byte percent-encoded. Undefined when the error is a different
 * one.
 */
export function encodedTarget(error: ParseError): string | undefined {
  const line = error.code === 'HPE_INVALID_URL' ? linesUpTo(error).at(-1) : undefined;
  const target = requestLine.exec(line ?? '')?.[1];
  if (target === undefined || !/[\x80-\xff]/.test(target) || /[\0-\x20\x7f]/.test(target)) {
    return undefined;
  }
  return target.replace(
    /[\x80-\xff]/g,
    (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
