import type { Socket } from 'node:net';
import { linger } from './linger.ts';
import { currentAnswer, hasWaiting } from './turns.ts';

interface BrokenRequest {
  readonly socket: Socket;
  readonly code: string | undefined;
  readonly requestId: () => string;
}

const refused = new WeakSet<Socket>();

/**
 * Bytes that are not HTTP. The answer has the shape that clients of the Media API always expect. It comes after the answers to what was asked before,
 * and never into the middle of one.
 */
export function refuseBrokenRequest({ code }: NodeJS.ErrnoException, socket: Socket, requestId: () => string): void {
  // Every further piece of it is an error again.
  if (refused.has(socket)) return;
  refused.add(socket);
  if (code === 'ECONNRESET' || !socket.writable) socket.destroy();
  else refuseInTurn({ socket, code, requestId });
}

function refuseInTurn(broken: BrokenRequest): void {
  const { socket } = broken;
  const answer = currentAnswer(socket);
  // Nothing can wait behind a request whose own body is broken.
  const isBody = answer?.req.complete === false;
  if (isBody && answer.writableFinished) linger(socket);
  else if (isBody ? !answer.headersSent : answer === undefined && !hasWaiting(socket)) refuse(broken);
  else if (answer === undefined || answer.closed) soon(broken);
  else answer.once('close', () => soon(broken));
}

/** The next one gets its turn a moment after the one before it has closed. */
function soon(broken: BrokenRequest): void {
  setImmediate(() => {
    if (broken.socket.writable) refuseInTurn(broken);
  });
}

function refuse({ socket, code, requestId }: BrokenRequest): void {
  const body = JSON.stringify({
    data: null,
    error: { message: 'The request is not valid HTTP.', code: 'bad_request', retryable: false },
    meta: { request_id: requestId(), timestamp: new Date().toISOString() },
  });
  const head = [
    `HTTP/1.1 ${statusOf(code)}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ];
  socket.write(`${head.join('\r\n')}\r\n\r\n${body}`);
  linger(socket);
}

function statusOf(code: string | undefined): string {
  if (code === 'HPE_HEADER_OVERFLOW') return '431 Request Header Fields Too Large';
  return code === 'ERR_HTTP_REQUEST_TIMEOUT' ? '408 Request Timeout' : '400 Bad Request';
}
