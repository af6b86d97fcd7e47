import { z } from 'zod';
import { fail, isStowageError, type StowageError } from '../../../core/errors.ts';
import { restoreFile } from '../../../core/library/restore-file.ts';
import { plainAddress } from '../../address/plain-address.ts';
import { jsonFailuresUpTo } from '../../body/json-body.ts';
import type { HttpDeps } from '../../deps.ts';
import { failed } from '../../failure.ts';
import { named } from '../../openapi/named.ts';
import { requestSignal } from '../../request-signal.ts';
import { json, route } from '../../route.ts';
import { isText } from '../missing-fields.ts';
import { readAuthorizedJson } from '../read-authorized-json.ts';

const maxBytes = 8 * 2 ** 20;
const maxRows = 500;
const rowsAtOnce = 8;
const shownErrors = 10;

const restoreRequest = named('RestoreRequest', () =>
  z.object({
    type: z.enum(['files', 'settings']),
    data: z.record(z.string(), z.unknown()).meta({
      description:
        'At most 500 rows by id, each with the `metadata` and `value` of GET /api/manage/batch/list; or settings by name.',
    }),
  }),
);

const restoreAnswer = named('RestoreAnswer', () =>
  z.strictObject({
    success: z.literal(true),
    restoredCount: z.int(),
    failedCount: z.int(),
    errors: z
      .array(z.strictObject({ key: z.string(), error: z.string() }))
      .max(shownErrors)
      .optional()
      .meta({ description: 'The first ten rows that failed.' }),
  }),
);

const noType = {
  code: 'validation_error',
  as: 'type',
  message: 'type must be "files" or "settings"',
} as const;
const noData = {
  code: 'validation_error',
  as: 'data',
  message: 'data must be an object',
} as const;
const tooMany = {
  code: 'validation_error',
  as: 'rows',
  message: `A maximum of ${maxRows} rows can be restored at once`,
} as const;

type Restore = (key: string, value: unknown) => Promise<void>;

/** Upload API 4.6. Every row is checked by itself, and none of them can replace anything. */
export const restoreChunk = route({
  id: 'restoreRecords',
  method: 'POST',
  path: '/api/manage/batch/restore/chunk',
  permission: 'manage',
  tag: 'Management',
  summary: 'Restore rows of a backup',
  description:
    'A row becomes a file again when it is of a backup of Stowage, a channel of the same type and name is configured, and the bytes can still be read there. A file that is there already counts as restored, so that a restore can be repeated. Rows of other servers are reported as failed. Of the settings only `blockipList` is restored; its addresses are added.',
  request: { body: { required: true, content: json(restoreRequest) } },
  answers: {
    200: {
      description: 'How many rows were restored, also when that is none.',
      content: json(restoreAnswer, {
        all: { value: { success: true, restoredCount: 50, failedCount: 0 } },
        one: {
          value: {
            success: true,
            restoredCount: 49,
            failedCount: 1,
            errors: [{ key: 'a.jpg', error: 'This is no row of a backup of Stowage.' }],
          },
        },
      }),
    },
  },
  failures: [...jsonFailuresUpTo(maxBytes), noType, noData, tooMany],
  async handler(context) {
    const { request, reply, deps } = context;
    const { body } = await readAuthorizedJson(context, 'manage', { maxBytes });
    const { type, data } = body;
    if (type !== 'files' && type !== 'settings') {
      throw failed(noType);
    }
    if (!isRecord(data)) {
      throw failed(noData);
    }
    const rows = Object.entries(data);
    if (rows.length > maxRows) {
      throw failed(tooMany);
    }
    const signal = requestSignal(request.raw);
    const one: Restore =
      type === 'settings'
        ? (key, value) => restoreSetting(key, value, deps)
        : (path, row) =>
            restoreFile({ path, backup: isRecord(row) ? row.value : undefined, signal }, deps);
    const errors = await restoreAll(rows, one);
    return reply.send({
      success: true,
      restoredCount: rows.length - errors.length,
      failedCount: errors.length,
      errors: errors.length === 0 ? undefined : errors.slice(0, shownErrors),
    });
  },
});

async function restoreAll(rows: readonly (readonly [string, unknown])[], one: Restore) {
  const errors: { readonly key: string; readonly error: string }[] = [];
  for (let at = 0; at < rows.length; at += rowsAtOnce) {
    const some = rows.slice(at, at + rowsAtOnce);
    const results = await Promise.allSettled(some.map(([key, value]) => one(key, value)));
    for (const [index, result] of results.entries()) {
      if (result.status === 'rejected') {
        errors.push({ key: some[index]?.[0] ?? '', error: whyOf(result.reason).message });
      }
    }
  }
  return errors;
}

/** Throws what is no fault of the row. Details of a backend belong in the log. */
function whyOf(reason: unknown): StowageError {
  if (!isStowageError(reason) || reason.status === 499 || reason.code === 'internal_error') {
    throw reason;
  }
  if (reason.code === 'service_unavailable') {
    throw reason;
  }
  return reason.code.startsWith('channel_') ? fail(reason.code) : reason;
}

async function restoreSetting(key: string, value: unknown, deps: HttpDeps): Promise<void> {
  if (key.replace(/^manage@/, '') !== 'blockipList' || typeof value !== 'string') {
    throw fail('validation_error', { message: 'This setting is not restored here.' });
  }
  const addresses = value.split(',').map((text) => text.trim());
  const at = deps.now();
  for (const address of addresses.map(plainAddress).filter(isText)) {
    await deps.metadata.addresses.block(address, at);
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
