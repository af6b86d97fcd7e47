import { fail, isStowageError } from '../../core/errors.ts';

// SQLSTATE: https://www.postgresql.org/docs/current/errcodes-appendix.html
const conflicts = new Set(['40001', '40P01', '23503']);
const uniqueViolation = '23505';
const diskFull = '53100';
/**
 * A plan made before a newer node changed the table, or a statement that an intermediate pooler has
 * forgotten.
 */
const stalePlans = new Set(['0A000', '26000']);
/** Connection, resources, shutdown, access, timeouts, internal errors, a standby. */
const unavailable = /^(08|28|53|57|58|XX)|^(55P03|25006|25P03|3D000)$/;
const network =
  /^(ECONN\w+|EPIPE|ENOTFOUND|EAI_\w+|ETIMEDOUT|EHOST\w+|ENET\w+|EADDRNOTAVAIL|ENOENT|EACCES|EMFILE|ENFILE|CERT_\w+|ERR_(TLS|SSL|SOCKET)\w+|SELF_SIGNED\w+|DEPTH_ZERO\w+|UNABLE_\w+)$/;
/** Errors of the driver that have no code. */
const connectionMessages = new Set([
  'Connection terminated',
  'Connection terminated unexpectedly',
  'Connection terminated due to connection timeout',
  'Client has encountered a connection error and is not queryable',
  'Client was closed and is not queryable',
  'Query read timeout',
  'timeout expired',
]);
const poolSays = 'timeout exceeded when trying to connect';

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : '';
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : '';
}

/**
 * Whether the transaction conflicted with another one and may succeed when retried. A foreign key
 * fails when a blob is removed just as it gets a new file.
 */
export function isConflict(error: unknown): boolean {
  return conflicts.has(codeOf(error));
}

/** The connection is no longer usable, but another one may be. */
export function isConnectionLost(error: unknown): boolean {
  const code = codeOf(error);
  if (isStowageError(error)) {
    return false;
  }
  return (
    /^(08|57P0)/.test(code) ||
    stalePlans.has(code) ||
    network.test(code) ||
    connectionMessages.has(messageOf(error))
  );
}

/** The error that the contract names. Anything else is a bug and is passed through unchanged. */
export function postgresError(error: unknown): unknown {
  if (isStowageError(error)) {
    return error;
  }
  const code = codeOf(error);
  if (code === diskFull) {
    return fail('disk_full', { message: 'The database has no space left.', cause: error });
  }
  if (code === uniqueViolation) {
    return fail('conflict', { message: 'Already exists.', cause: error });
  }
  const isUnavailable =
    isConnectionLost(error) ||
    isConflict(error) ||
    unavailable.test(code) ||
    messageOf(error) === poolSays;
  return isUnavailable
    ? fail('service_unavailable', {
        message: 'The database is not available at the moment.',
        cause: error,
      })
    : error;
}
