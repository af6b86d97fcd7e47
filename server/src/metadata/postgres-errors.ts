import { fail, isStowageError } from '../core/errors.ts';

// SQLSTATE: https://www.postgresql.org/docs/current/errcodes-appendix.html
const conflicts = new Set(['40001', '40P01', '23503']);
const diskFull = '53100';
/** Connection lost, resources, shut-down, lock and statement time-outs, read-only standby. */
const unavailable = /^(08|53|57P|58|XX)|^(55P03|57014|25006|28...|3D000)$/;
const network =
  /^(ECONN|EPIPE|ENOTFOUND|EAI_|ETIMEDOUT|EHOST|ENET|ENOENT|EACCES|CERT_|ERR_TLS|ERR_SSL|SELF_SIGNED|DEPTH_ZERO|UNABLE_)/;

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** The transaction ran into another one and may well pass when run anew. A foreign key fails when a blob is removed just as it gets a new file. */
export function isConflict(error: unknown): boolean {
  return conflicts.has(codeOf(error));
}

/** The connection is of no further use. */
export function isConnectionLost(error: unknown): boolean {
  if (isStowageError(error)) return false;
  const code = codeOf(error);
  // The driver's own errors have no code: "Connection terminated", "timeout exceeded when trying to connect", "Query read timeout".
  return (
    /^(08|57P0)/.test(code) ||
    network.test(code) ||
    (code === '' && error instanceof Error && /connect|terminated|timeout|not queryable/i.test(error.message))
  );
}

/** As the contract names it; what is left as it is is a bug. */
export function postgresError(error: unknown): unknown {
  if (isStowageError(error)) return error;
  const code = codeOf(error);
  if (code === diskFull) return fail('disk_full', { message: 'The database has no space left.', cause: error });
  if (isConnectionLost(error) || unavailable.test(code) || isConflict(error)) {
    return fail('service_unavailable', { message: 'The database is not available at the moment.', cause: error });
  }
  if (code === '23505') return fail('conflict', { message: 'There is one like it already.', cause: error });
  return error;
}
