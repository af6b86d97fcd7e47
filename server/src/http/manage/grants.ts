import { z } from 'zod';
import { allPermissions, type Caller } from '../../core/access/access.ts';
import type { Permission } from '../../core/metadata.ts';
import { type Failure, failed } from '../failure.ts';
import { permissionList } from '../openapi/shared-schemas.ts';

export const wantedPermissions = () =>
  permissionList().min(1).meta({ description: 'At most what the calling token holds.' });

export const wantedExpiry = () =>
  z
    .union([z.iso.datetime({ offset: true }), z.number()])
    .nullish()
    .meta({ description: 'ISO 8601, or milliseconds since 1970. Absent, null or empty: never.' });

/** The prefix that clients of the Upload API expect. */
const defaultPrefix = 'imgbed_';

const unknownPermission = {
  code: 'validation_error',
  message: `permissions must be some of ${allPermissions.join(', ')}.`,
} as const;
const noTime = {
  code: 'validation_error',
  as: 'expiry',
  message: 'expiresAt must be an ISO 8601 time.',
} as const;
const beyondOwn = (permissions: readonly Permission[]) =>
  ({
    code: 'insufficient_scope',
    as: 'beyond',
    message: `Your token does not have the permission ${permissions.join(', ')}.`,
  }) as const;
const longerThanOwn = {
  code: 'insufficient_scope',
  as: 'longer',
  message: 'Your token expires before that.',
} as const;

export const grantFailures: readonly Failure[] = [
  unknownPermission,
  noTime,
  beyondOwn(['delete']),
  longerThanOwn,
];

/** Callers cannot grant, change or revoke permissions that they do not have. */
export function grantable(wanted: readonly unknown[], caller: Caller): readonly Permission[] {
  const permissions = [...new Set(wanted)].map((name) =>
    allPermissions.find((permission) => permission === name),
  );
  if (permissions.includes(undefined) || permissions.length === 0) {
    throw failed(unknownPermission);
  }
  const known = permissions.filter((permission) => permission !== undefined);
  const beyond = known.filter((permission) => !caller.permissions.has(permission));
  if (beyond.length > 0) {
    throw failed(beyondOwn(beyond));
  }
  return known;
}

/** Nor can they give a token a longer life than that of their own. */
export function grantableExpiry(value: unknown, caller: Caller): number | null {
  const expiresAt = readExpiry(value);
  const ownEnd = caller.token?.expiresAt ?? null;
  if (ownEnd !== null && (expiresAt === null || expiresAt > ownEnd)) {
    throw failed(longerThanOwn);
  }
  return expiresAt;
}

function readExpiry(value: unknown): number | null {
  if (value === undefined || value === null || value === '') {
    return null;
  }
  const at = typeof value === 'number' ? value : Date.parse(typeof value === 'string' ? value : '');
  if (!Number.isFinite(new Date(at).getTime())) {
    throw failed(noTime);
  }
  return Math.trunc(at);
}

export function readPrefix(value: unknown): string {
  if (value === undefined || value === null) {
    return defaultPrefix;
  }
  if (typeof value === 'string' && /^[A-Za-z0-9_-]{0,32}$/.test(value)) {
    return value;
  }
  throw failed({
    code: 'validation_error',
    message: 'prefix must be at most 32 letters, digits, _ or -.',
  });
}
