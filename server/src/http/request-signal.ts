import type { IncomingMessage } from 'node:http';
import { fail } from '../core/errors.ts';
import { whenAnswered } from './connections/turns.ts';

const signals = new WeakMap<IncomingMessage, AbortSignal>();

/**
 * Aborted (with `client_closed`) when the caller's connection closes before the response is sent.
 */
export function requestSignal(request: IncomingMessage): AbortSignal {
  const known = signals.get(request);
  if (known !== undefined) {
    return known;
  }
  const controller = new AbortController();
  signals.set(request, controller.signal);
  // 'close' of the request also follows a body that was read to its end. Only the socket shows that
  // the caller is gone.
  const abort = (): void => controller.abort(fail('client_closed'));
  if (request.socket.destroyed) {
    abort();
  } else {
    const { socket } = request;
    socket.once('close', abort);
    request.once('close', () => {
      if (request.complete) {
        socket.off('close', abort);
      }
    });
    // A request whose body was read before this has closed already.
    whenAnswered(request, () => socket.off('close', abort));
  }
  return controller.signal;
}
