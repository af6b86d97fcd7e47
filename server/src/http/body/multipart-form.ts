import type { ByteSource } from '../../core/bytes.ts';
import { fail } from '../../core/errors.ts';
import type { HeldText } from './held-text.ts';
import {
  boundaryOf,
  isMultipart,
  type MultipartLimits,
  type Part,
  parseMultipart,
} from './multipart.ts';
import { type Fields, readUrlencoded } from './urlencoded-form.ts';

/** A form whose parts may come in any order, parsed as it arrives. */
export interface Form {
  /** The text fields read so far, without a prototype. The first of a name counts. */
  readonly fields: Fields;
  /**
   * Reads up to the next file (called `name`, when given; other files are skipped) and collects the
   * fields before it. Undefined at the end of the form, when `fields` is complete. A file left
   * unread is skipped.
   */
  nextFile(name?: string): Promise<FilePart | undefined>;
  /** Reads to the end, skipping files, and returns all fields. */
  rest(): Promise<Fields>;
}

export interface FilePart {
  readonly name: string;
  /** As sent: not safe as a path. `''` when the part had none. */
  readonly filename: string;
  /** As declared by the sender. */
  readonly contentType: string | undefined;
  /** Must be read before the form is read further. */
  readonly body: ByteSource;
}

export interface FormLimits extends MultipartLimits {
  /** Maximum bytes of one text field, and of a whole urlencoded form. Default 64 KiB. */
  readonly maxFieldBytes?: number;
  /** Counts fields together with those of other requests. */
  readonly held?: HeldText;
}

/**
 * Opens a multipart/form-data or application/x-www-form-urlencoded body.
 *
 *     const form = readForm({ contentType: request.headers['content-type'], body: bodyOf(request, limits) }, { held: holdText(request) });
 *     const file = await form.nextFile('file');
 *     const stored = await store(file.body, form.fields);   // what came before the file
 *     const fields = await form.rest();                     // and after it
 *
 * Its methods throw what `parseMultipart` throws, `too_large` for a field above the limit, what
 * `held` throws, `invalid_multipart` for other content types.
 */
export function readForm(
  { contentType, body }: { readonly contentType: string | undefined; readonly body: ByteSource },
  limits: FormLimits = {},
): Form {
  const { maxFieldBytes = 64 * 1024, held } = limits;
  if (isMultipart(contentType)) {
    const parts = parseMultipart(body, { ...limits, boundary: boundaryOf(contentType) });
    return multipartForm(parts, ({ name, body: field }) => {
      held?.add(name.length);
      return readText(field, maxFieldBytes, held);
    });
  }
  if (/^\s*application\/x-www-form-urlencoded\b/i.test(contentType ?? '')) {
    return urlencodedForm(body, maxFieldBytes);
  }
  throw fail('invalid_multipart', { message: 'The body must be multipart/form-data.' });
}

function multipartForm(
  parts: AsyncGenerator<Part, void, void>,
  readField: (part: Part) => Promise<string>,
): Form {
  const fields: Record<string, string> = Object.create(null);

  async function nextFile(name?: string): Promise<FilePart | undefined> {
    for (let step = await parts.next(); !step.done; step = await parts.next()) {
      const { name: partName, filename = '', contentType, body } = step.value;
      if (!isFile(step.value)) {
        fields[partName] ??= await readField(step.value);
      } else if (name === undefined || name === partName) {
        return { name: partName, filename, contentType, body };
      }
    }
    return undefined;
  }

  return {
    fields,
    nextFile,
    rest: async () => {
      while ((await nextFile()) !== undefined) {}
      return fields;
    },
  };
}

// Some clients send a file without a filename, but none sends a text field as octet-stream.
function isFile({ filename, contentType }: Part): boolean {
  return filename !== undefined || /^application\/octet-stream\b/i.test(contentType ?? '');
}

async function readText(
  body: ByteSource,
  maxFieldBytes: number,
  held: HeldText | undefined,
): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    held?.add(chunk.length);
    if (bytes > maxFieldBytes) {
      throw fail('too_large', {
        message: 'A form field is larger than allowed.',
        details: { maxBytes: maxFieldBytes },
      });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function urlencodedForm(body: ByteSource, maxBytes: number): Form {
  const fields: Record<string, string> = Object.create(null);
  let reading: Promise<unknown> | undefined;
  const read = () => {
    reading ??= readUrlencoded(body, { maxBytes }).then((all) => Object.assign(fields, all));
    return reading;
  };
  return {
    fields,
    nextFile: () => read().then(() => undefined),
    rest: () => read().then(() => fields),
  };
}
