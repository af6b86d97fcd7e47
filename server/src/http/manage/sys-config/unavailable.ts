import { own } from '../../../core/own.ts';
import { type Failure, failed } from '../../failure.ts';
import { recordOf } from './upload-groups.ts';

/** A setting of the page that has no effect here. Saving it would promise something. */
export interface Unavailable {
  readonly path: readonly string[];
  readonly what: string;
}

export function unavailable({ path, what }: Unavailable): Failure {
  const field = path.join('.');
  return {
    code: 'validation_error',
    as: field,
    message: `${field}: ${what} is not available on this server.`,
    details: { fields: [field] },
  };
}

/** Refuses what is switched on or filled in. */
export function refuseUnavailable(
  body: Readonly<Record<string, unknown>>,
  list: readonly Unavailable[],
): void {
  const found = list.find(({ path }) => isSet(valueAt(body, path)));
  if (found !== undefined) {
    throw failed(unavailable(found));
  }
}

export function valueAt(body: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((value, name) => {
    const record = recordOf(value);
    return record && own(record, name);
  }, body);
}

function isSet(value: unknown): boolean {
  return value !== undefined && value !== null && value !== false && value !== '';
}
