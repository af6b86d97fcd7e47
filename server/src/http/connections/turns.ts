import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** The state of a connection. */
interface Connection {
  /** The response whose turn it is, or was last. */
  current: ServerResponse | undefined;
  waiting: number;
  isPaused: boolean;
}

export interface TurnLimits {
  /** Requests that may wait on a connection before reading from it pauses. */
  readonly maxWaiting: number;
  /**
   * Requests that may wait on all connections. Above it, a connection with more than its share is
   * cut.
   */
  readonly maxWaitingInAll: number;
}

const connections = new WeakMap<Socket, Connection>();

export interface Turns {
  /** Call it for every new connection, before its first request. */
  watch(socket: Socket): void;
  /** Passes the request on once the responses to earlier requests have been sent. */
  readonly take: RequestListener;
}

/**
 * Handles one request of a connection at a time. Node passes on everything that a client sends
 * without waiting for responses (pipelining), although responses can leave only one by one. Each
 * would hold a file, a call to a store or a response in memory for as long as the client does not
 * read.
 */
export function createTurns(
  handle: RequestListener,
  { maxWaiting, maxWaitingInAll }: TurnLimits,
): Turns {
  let waitingInAll = 0;

  function watch(socket: Socket): void {
    const connection: Connection = { current: undefined, waiting: 0, isPaused: false };
    connections.set(socket, connection);
    socket.once('close', () => {
      waitingInAll -= connection.waiting;
      connection.waiting = 0;
    });
    // Any reader that wants more of a body resumes the socket.
    socket.on('resume', () => connection.isPaused && socket.pause());
  }

  function take(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    // No response can be sent any more.
    if (socket.writableEnded || socket.destroyed) {
      return;
    }
    const connection = connections.get(socket);
    if (connection === undefined || response.socket !== null) {
      begin(connection, request, response);
    } else {
      wait(connection, request, response);
    }
  }

  function begin(
    connection: Connection | undefined,
    request: IncomingMessage,
    response: ServerResponse,
  ): void {
    if (connection !== undefined) {
      connection.current = response;
    }
    handle(request, response);
  }

  function wait(connection: Connection, request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    connection.waiting++;
    waitingInAll++;
    // Deferred, so that many quick requests do not keep the other connections waiting.
    response.once('socket', () =>
      setImmediate(() => socket.destroyed || leaveQueue(connection, request, response)),
    );
    if (connection.waiting <= maxWaiting) {
      return;
    }
    // One read may have brought thousands of requests, and Node keeps state for each.
    if (waitingInAll > maxWaitingInAll) {
      socket.destroy();
    } else if (!connection.isPaused) {
      halt(connection, socket);
    }
  }

  function leaveQueue(
    connection: Connection,
    request: IncomingMessage,
    response: ServerResponse,
  ): void {
    connection.waiting--;
    waitingInAll--;
    if (connection.isPaused && connection.waiting <= maxWaiting / 2) {
      flow(connection, request.socket);
    }
    begin(connection, request, response);
  }

  return { watch, take };
}

function halt(connection: Connection, socket: Socket): void {
  connection.isPaused = true;
  socket.pause();
}

function flow(connection: Connection, socket: Socket): void {
  connection.isPaused = false;
  socket.resume();
}

/** The response in progress on a connection. */
export function currentAnswer(socket: Socket): ServerResponse | undefined {
  return connections.get(socket)?.current;
}

/** Whether requests wait for the response in progress. */
export function hasWaiting(socket: Socket): boolean {
  return (connections.get(socket)?.waiting ?? 0) > 0;
}

/**
 * Calls back when the response is sent or the connection is gone. Only during the request's turn.
 */
export function whenAnswered(request: IncomingMessage, done: () => void): void {
  const current = currentAnswer(request.socket);
  if (current?.req === request) {
    current.once('close', done);
  }
}

/** Call it when a response is sent, so that an idle connection keeps nothing of it. */
export function endTurn(request: IncomingMessage): void {
  const connection = connections.get(request.socket);
  if (connection?.current?.req === request && request.complete) {
    connection.current = undefined;
  }
}
