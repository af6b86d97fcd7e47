import type { Socket } from 'node:net';
import type { Rendered } from '../dialect.ts';
import { linger } from './linger.ts';
import { encodedTarget, type ParseError, targetOf } from './request-line.ts';
import { currentAnswer, hasWaiting } from './turns.ts';

interface BrokenRequest {
  readonly socket: Socket;
  readonly error: ParseError;
  readonly render: RenderBroken;
}

/** The response in the dialect of this address. */
export type RenderBroken = (target: string) => Pick<Rendered, 'headers' | 'body'>;

const refused = new WeakSet<Socket>();

/**
 * Responds to bytes that are not HTTP. The response is in the dialect of the address where it is
 * known, otherwise in that of the Media API. It follows the responses to earlier requests and never
 * interrupts one. An address in raw UTF-8 is redirected to its encoded form.
 */
export function refuseBrokenRequest(
  error: NodeJS.ErrnoException & ParseError,
  socket: Socket,
  render: RenderBroken,
): void {
  // Every further chunk causes the same error again.
  if (refused.has(socket)) {
    return;
  }
  refused.add(socket);
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
  } else {
    refuseInTurn({ socket, error, render });
  }
}

function refuseInTurn(broken: BrokenRequest): void {
  const { socket } = broken;
  const answer = currentAnswer(socket);
  // No response can be awaited when the body of its own request is broken.
  const isBody = answer?.req.complete === false;
  if (isBody && answer.writableFinished) {
    linger(socket);
  } else if (isBody ? !answer.headersSent : answer === undefined && !hasWaiting(socket)) {
    refuse(broken);
  } else if (answer === undefined || answer.closed) {
    soon(broken);
  } else {
    answer.once('close', () => soon(broken));
  }
}

/** The next response gets its turn a moment after the one before it has closed. */
function soon(broken: BrokenRequest): void {
  setImmediate(() => {
    if (broken.socket.writable) {
      refuseInTurn(broken);
    }
  });
}

function refuse({ socket, error, render }: BrokenRequest): void {
  const location = encodedTarget(error);
  const target = currentAnswer(socket)?.req.url ?? targetOf(error) ?? '';
  const { headers, body } =
    location === undefined
      ? render(target)
      : { headers: { 'content-type': 'text/plain' }, body: '' };
  const head = [
    `HTTP/1.1 ${location === undefined ? statusOf(error.code) : '308 Permanent Redirect'}`,
    ...(location === undefined ? [] : [`Location: ${location}`]),
    `Content-Type: ${headers['content-type']}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ];
  socket.write(`${head.join('\r\n')}\r\n\r\n${body}`);
  linger(socket);
}

function statusOf(code: string | undefined): string {
  if (code === 'HPE_HEADER_OVERFLOW') {
    return '431 Request Header Fields Too Large';
  }
  return code === 'ERR_HTTP_REQUEST_TIMEOUT' ? '408 Request Timeout' : '400 Bad Request';
}
