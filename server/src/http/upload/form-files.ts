import { fail, type StowageError } from '../../core/errors.ts';
import type { FilePart, Form } from '../body/multipart-form.ts';
import { failed } from '../failure.ts';

const field = 'file';

export const noFile = { code: 'bad_request', as: 'no_file', message: 'No file provided' } as const;

export const noName = {
  code: 'bad_request',
  as: 'no_name',
  message: 'fileType or fileName is wrong, check the integrity of this file!',
} as const;

export function otherField(names: readonly string[]) {
  const got = names.slice(0, 5).map((name) => `\`${name.slice(0, 50)}\``);
  const message = `No file provided: no field \`${field}\`; got ${got.join(', ')}`;
  return { code: 'bad_request', as: 'other_field', message } as const;
}

/**
 * Reads the form to its end and yields its files in order. Fails when there is none, with a text
 * that explains why.
 */
export async function* filesOf(form: Form): AsyncGenerator<FilePart, void, void> {
  const seen = { files: 0, unnamed: 0, others: new Set<string>() };
  for (let part = await form.nextFile(); part !== undefined; part = await form.nextFile()) {
    if (part.name !== field) {
      seen.others.add(part.name);
    } else if (part.filename === '') {
      seen.unnamed++;
    } else {
      seen.files++;
      yield part;
    }
  }
  if (seen.files === 0) {
    throw whyNoFile(form, seen);
  }
}

/** Upload API 1.11: the texts begin as there. */
function whyNoFile(
  { fields }: Form,
  { unnamed, others }: { readonly unnamed: number; readonly others: ReadonlySet<string> },
): StowageError {
  const text = fields[field];
  // What pages of documentation send while no file is chosen.
  if (text === '' || text?.startsWith('@')) {
    return fail('bad_request', { message: 'No file provided: choose a file' });
  }
  if (text !== undefined || unnamed > 0) {
    return failed(noName);
  }
  if (others.size === 0) {
    return failed(noFile);
  }
  return failed(otherField([...others]));
}
