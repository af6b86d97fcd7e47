import { createServer, type RequestListener, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { type AddressCap, createAddressCap } from './address-cap.ts';
import { linger } from './linger.ts';
import { endSilentReaders } from './silent-readers.ts';
import { createTurns, currentAnswer, hasWaiting } from './turns.ts';

export interface ConnectionSettings extends AddressCap {
  /** How long an idle connection is kept, in ms. */
  readonly keepAliveMs: number;
  /** How long a client may read nothing, in ms. */
  readonly idleMs: number;
}

const headersTimeoutMs = 60_000;
const checkMs = 10_000;
const turnLimits = { maxWaiting: 16, maxWaitingInAll: 4096 };

/**
 * Node's server, with bounds on what a client can do on a connection. Closing a connection loses no
 * response.
 */
export function createConnectionServer(
  handle: RequestListener,
  settings: ConnectionSettings,
): Server {
  const turns = createTurns(handle, turnLimits);
  const mayStay = createAddressCap(settings);
  const options = {
    keepAliveTimeout: settings.keepAliveMs,
    headersTimeout: headersTimeoutMs,
    connectionsCheckingInterval: checkMs,
    // Uploads may take any time. The request body watches for silence.
    requestTimeout: 0,
    // Refused by `refuseAmbiguity`, in the dialect of the address.
    requireHostHeader: false,
  };
  const server = createServer(options, turns.take);
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    if (!mayStay(socket)) {
      return void socket.resetAndDestroy();
    }
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    turns.watch(socket);
    closeGently(socket);
  });
  // Sends `100 Continue` when a route reads the body, so that a refused upload is refused before it
  // is sent.
  server.on('checkContinue', (request, response) => {
    request.once('resume', () => {
      if (!response.headersSent) {
        response.writeContinue();
      }
    });
    turns.take(request, response);
  });
  server.on('checkExpectation', turns.take);
  server.once('close', endSilentReaders(sockets, settings.idleMs));
  return server;
}

/** Node closes at once after the last response, even with unread bytes. */
function closeGently(socket: Socket): void {
  const closeNow = socket.destroySoon.bind(socket);
  socket.destroySoon = () => {
    const isUnread = currentAnswer(socket)?.req.complete === false || hasWaiting(socket);
    if (isUnread) {
      linger(socket);
    } else {
      closeNow();
    }
  };
}
