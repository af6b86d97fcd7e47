import { isStowageError } from '../../../core/errors.ts';
import type { Permission } from '../../../core/metadata.ts';
import type { Failure } from '../../failure.ts';
import { failed } from '../../failure.ts';
import type { Context } from '../../route.ts';
import { readAuthorizedJson } from '../read-authorized-json.ts';

export const notJson = {
  code: 'bad_request',
  as: 'json',
  message: 'Invalid request body. Expected JSON.',
} as const satisfies Failure;

/** A JSON object. Throws `notJson` for anything else. */
export async function readMessageBody(
  context: Context,
  permission: Permission,
): Promise<Readonly<Record<string, unknown>>> {
  try {
    return (await readAuthorizedJson(context, permission)).body;
  } catch (error) {
    if (isStowageError(error, 'invalid_json') || isStowageError(error, 'validation_error')) {
      throw failed(notJson);
    }
    throw error;
  }
}
