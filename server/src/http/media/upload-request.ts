import { z } from 'zod';
import { declaredType } from '../../core/content-type/declared-type.ts';
import { fail, type StowageError } from '../../core/errors.ts';
import { cleanText } from '../../core/naming/path-text.ts';
import type { PresignRequest } from '../../core/uploads/presigned/choose-target.ts';
import type { HttpSettings } from '../deps.ts';
import { named } from '../openapi/named.ts';
import { invalidRequest, type Problem, problemsOf } from './invalid-request.ts';
import { mediaCategory, supportedTypes } from './media-types.ts';

type Body = Readonly<Record<string, unknown>>;

/** Browsers send 0 for pictures and videos that they have not loaded. */
const pixels = (name: string) => {
  const message = `${name} must be a whole number of pixels, from 0 to 1000000.`;
  return z.int(message).min(0, message).max(1_000_000, message);
};
const seconds = z
  .number('duration must be a number of seconds, 0 or more.')
  .min(0, 'duration must be a number of seconds, 0 or more.');

/** Media API 2.1. Unknown fields are ignored; `null` counts as absent for optional ones. */
export const uploadRequestSchema = z.object({
  filename: z
    .string({
      error: (issue) =>
        issue.input === undefined ? 'filename is required.' : 'filename must be a string.',
    })
    .min(1, 'filename must not be empty.')
    .max(255, 'filename must have at most 255 characters.')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: NUL in names is what is refused
    .regex(/^[^/\\\u0000]*$/, 'filename must not contain "/", "\\" or NUL.')
    .refine(
      (name) => /[^\s.]/.test(cleanText(name)),
      'filename must have something in it besides dots and blanks.',
    )
    .meta({ description: 'Original filename with extension', example: 'photo.jpg' }),
  content_type: z
    .string({
      error: (issue) =>
        issue.input === undefined ? 'content_type is required.' : 'content_type must be a string.',
    })
    .meta({ description: 'MIME type of the file', example: 'image/jpeg' }),
  size: z
    .int('size must be a whole number of bytes.')
    .positive('size must be greater than 0.')
    .nullish(),
  width: pixels('width').nullish(),
  height: pixels('height').nullish(),
  duration: seconds.nullish(),
  direct: z.boolean('direct must be true or false.').nullish().meta({
    description:
      'The client follows upload_method exactly, so upload_url may be an address of the store that accepts nothing else',
  }),
  sha256: z
    .string()
    .nullish()
    .meta({ description: 'SHA-256 of the file, hexadecimal or base64; verified' }),
});

const { shape: asked } = uploadRequestSchema;

/**
 * What the server validates, with what it accepts besides and what the settings demand by default.
 */
export const uploadMediaRequest = named('UploadMediaRequest', () =>
  uploadRequestSchema
    .extend({
      content_type: asked.content_type.meta({
        description: `In any case, also by its other names: ${supportedTypes.join(', ')}. An empty or generic type (\`application/octet-stream\`) means that the extension of filename decides.`,
        examples: [...supportedTypes],
      }),
      size: asked.size.unwrap().unwrap().optional().meta({
        description:
          'Size in bytes. By default the maximum is 20 MiB for images and documents, 500 MiB for videos.',
        example: 2_048_576,
      }),
      file_size: z
        .int()
        .positive()
        .optional()
        .meta({ description: 'Another name of `size`: one of both is needed.', deprecated: true }),
      width: asked.width.meta({
        description: 'Width in pixels; the value in the file takes precedence.',
      }),
      height: asked.height.meta({
        description: 'Height in pixels; the value in the file takes precedence.',
      }),
      duration: asked.duration.meta({
        description: 'Length of a video in seconds; the value in the file takes precedence.',
      }),
    })
    .refine(
      ({ size, file_size }) => size !== undefined || file_size !== undefined,
      'size is required.',
    )
    .meta({ anyOf: [{ required: ['size'] }, { required: ['file_size'] }] }),
);

/** Names that people send by mistake. */
const mistakes: Readonly<Record<string, string>> = {
  fileName: 'filename',
  file_name: 'filename',
  name: 'filename',
  contentType: 'content_type',
  mime_type: 'content_type',
  mimeType: 'content_type',
  fileSize: 'size',
  file: 'filename',
};

/** The request of step 1, or `validation_error`/`invalid_field_name` with what to do about it. */
export function readUploadRequest(body: Body, settings: HttpSettings): Omit<PresignRequest, 'ip'> {
  refuseMisspelt(body);
  // The official Node SDK sends `file_size` only.
  const parsed = uploadRequestSchema.safeParse({ ...body, size: body.size ?? body.file_size });
  if (!parsed.success) {
    throw invalid(problemsOf(parsed.error));
  }
  const { data } = parsed;
  const contentType = declaredType(data.content_type, data.filename);
  const category = contentType && mediaCategory(contentType);
  if (!contentType || !category) {
    throw unsupported(data.content_type);
  }
  const maxBytes = settings.maxBytesOf[category];
  if (data.size == null && settings.requireSize) {
    throw invalid([{ field: 'size', message: 'size is required.', code: 'required' }]);
  }
  if (data.size != null && data.size > maxBytes) {
    throw oversized(category, maxBytes);
  }
  return {
    filename: cleanText(data.filename),
    contentType,
    category,
    size: data.size ?? null,
    maxBytes,
    direct: data.direct ?? false,
    sha256: data.sha256 == null ? null : sha256Hex(data.sha256),
    width: data.width || null,
    height: data.height || null,
    durationSeconds: data.duration || null,
  };
}

function invalid(problems: readonly Problem[]): StowageError {
  const [first] = problems;
  const message =
    first &&
    (/^[a-z_0-9]+ /.test(first.message) ? first.message : `${first.field}: ${first.message}`);
  return invalidRequest(message, problems);
}

function unsupported(contentType: string): StowageError {
  const message = `Unsupported content_type "${contentType.slice(0, 100)}". Supported: ${supportedTypes.join(', ')}`;
  return invalidRequest(message, [{ field: 'content_type', message, code: 'unsupported' }], {
    supportedTypes,
  });
}

function oversized(category: string, maxBytes: number): StowageError {
  const message = `size exceeds the ${Math.round(maxBytes / 2 ** 20)} MB limit for ${category}s.`;
  return invalidRequest(message, [{ field: 'size', message, code: 'too_big' }], {
    maxBytes,
    category,
  });
}

function refuseMisspelt(body: Body): void {
  for (const [wrong, right] of Object.entries(mistakes)) {
    if (!Object.hasOwn(body, wrong) || Object.hasOwn(body, right)) {
      continue;
    }
    throw misspelt(wrong, right);
  }
}

export function misspelt(wrong: string, right: string): StowageError {
  return fail('invalid_field_name', {
    message: `Unknown field "${wrong}". Did you mean "${right}"?`,
    details: { field: wrong, didYouMean: right },
  });
}

function sha256Hex(text: string): string {
  if (/^[0-9a-f]{64}$/i.test(text)) {
    return text.toLowerCase();
  }
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length === 32) {
    return bytes.toString('hex');
  }
  throw invalid([
    {
      field: 'sha256',
      message: 'sha256 must be 64 hexadecimal characters, or base64.',
      code: 'invalid',
    },
  ]);
}
