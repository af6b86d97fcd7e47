import type { DirectUpload, Multipart, Presign } from '../channel.ts';
import type { Run } from './guarded-run.ts';
import { onlyDefined } from './only-defined.ts';
import { sendBody } from './sent-body.ts';

export function guardMultipart(multipart: Multipart, run: Run): Multipart {
  return {
    limits: multipart.limits,
    start: (call) =>
      run('multipart_start', call.signal, (signal) => multipart.start({ ...call, signal }), {
        retry: true,
      }),
    part: (state, number, body, call) =>
      sendBody(body, call.signal, (sent) =>
        run(
          'multipart_part',
          call.signal,
          (signal, beat) => multipart.part(state, number, sent.beating(beat, body), { signal }),
          { moves: true },
        ),
      ),
    // Assembling a large object may take its time: the idle time-out, not the call time-out.
    finish: (state, parts, call) =>
      run('multipart_finish', call.signal, (signal) => multipart.finish(state, parts, { signal }), {
        retry: true,
        slow: true,
      }),
    abort: (state, call) =>
      run('multipart_abort', call.signal, (signal) => multipart.abort(state, { signal }), {
        retry: true,
      }),
  };
}

export function guardPresign(presign: Presign, run: Run): Presign {
  return {
    ...presign,
    start: (call) =>
      run('presign_start', call.signal, (signal) => presign.start({ ...call, signal }), {
        retry: true,
      }),
    head: (state, call) =>
      run('presign_head', call.signal, (signal) => presign.head(state, { signal }), {
        retry: true,
      }),
    ...onlyDefined({ finish: presign.finish && guardPresignFinish(presign.finish, run) }),
    abort: (state, call) =>
      run('presign_abort', call.signal, (signal) => presign.abort(state, { signal }), {
        retry: true,
      }),
  };
}

/** Copying a large object may take its time: the idle time-out, not the call time-out. */
function guardPresignFinish(
  finish: NonNullable<Presign['finish']>,
  run: Run,
): NonNullable<Presign['finish']> {
  return (arrival, call) =>
    run('presign_finish', call.signal, (signal) => finish(arrival, { ...call, signal }), {
      retry: true,
      slow: true,
    });
}

export function guardDirect(direct: DirectUpload, run: Run): DirectUpload {
  return {
    repo: direct.repo,
    isPrivate: direct.isPrivate,
    start: (call) =>
      run('direct', call.signal, (signal) => direct.start({ ...call, signal }), { retry: true }),
    completeMultipart: (target, body, call) =>
      run('direct', call.signal, (signal) => direct.completeMultipart(target, body, { signal })),
    commit: (state, call) =>
      run('direct', call.signal, (signal) => direct.commit(state, { signal }), {
        retry: true,
        slow: true,
      }),
  };
}
