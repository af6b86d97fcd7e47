import type { Channel } from '../channel.ts';
import { fail } from '../errors.ts';
import { guardDirect, guardMultipart, guardPresign } from './guarded-abilities.ts';
import { createRunner, type GuardOptions, type Run } from './guarded-run.ts';
import { onlyDefined } from './only-defined.ts';
import { sendBody } from './sent-body.ts';

/**
 * Wraps any channel with time-outs, a limit on concurrency, pace, a circuit breaker, metrics and
 * one family of errors. Calls that a repetition may cure are repeated here and nowhere else, those
 * with a body too, unless it is `once`. What a backend kept only in part is removed and sent again.
 */
export function guardChannel(channel: Channel, options: GuardOptions): Channel {
  const run = createRunner(channel.limits, options);
  return {
    // Abilities that make no calls, or report in their own way, pass as they are.
    ...channel,
    put: guardPut(channel, run),
    get: (ref, call) =>
      run('get', call.signal, (signal) => channel.get(ref, { ...call, signal }), {
        retry: true,
        streams: true,
      }),
    delete: (ref, call) =>
      run('delete', call.signal, (signal) => channel.delete(ref, { signal }), { retry: true }),
    check: (call) => run('check', call.signal, (signal) => channel.check({ signal })),
    ...onlyDefined({
      multipart: channel.multipart && guardMultipart(channel.multipart, run),
      presign: channel.presign && guardPresign(channel.presign, run),
      direct: channel.direct && guardDirect(channel.direct, run),
    }),
  };
}

const undoMs = 30_000;

function guardPut(channel: Channel, run: Run): Channel['put'] {
  return (body, { onLeftOver, ...call }) =>
    sendBody(body, call.signal, async (sent) => {
      const result = await run(
        'put',
        call.signal,
        (signal, beat) => channel.put(sent.beating(beat), { ...call, signal }),
        { moves: true },
      );
      if (sent.isAllIn(result)) {
        return result;
      }
      const signal = AbortSignal.timeout(undoMs);
      await run('delete', signal, (own) => channel.delete(result.ref, { signal: own }), {
        retry: true,
      }).catch(() => onLeftOver?.(result.ref));
      throw fail('channel_unavailable', {
        message: `The storage backend kept ${result.size} of ${sent.bytes} bytes.`,
      });
    });
}
