/** Headers of responses, by the names under which routes list them. */
export const headers = {
  'X-Request-Id': {
    description: 'Id of the request, as in the log.',
    schema: { type: 'string' },
    example: 'a1b2c3d4',
  },
  'X-RateLimit-Limit': {
    description: 'Requests allowed in the tightest window.',
    schema: { type: 'integer' },
    example: 60,
  },
  'X-RateLimit-Remaining': {
    description: 'Requests left in that window.',
    schema: { type: 'integer' },
    example: 59,
  },
  'X-RateLimit-Reset': {
    description: 'When that window ends, in Unix seconds.',
    schema: { type: 'integer' },
    example: 1_775_822_460,
  },
  'Retry-After': {
    description: 'Whole seconds to wait before the next try.',
    schema: { type: 'integer' },
    example: 32,
  },
  Location: {
    description: 'The media that the bytes belong to.',
    schema: { type: 'string' },
    example: 'https://media.example.com/api/v1/media/019aab3c-6f00-7c2e-9d41-5b8f3a7e1c02',
  },
  'WWW-Authenticate': {
    description: 'How to authenticate.',
    schema: { type: 'string' },
    example: 'Bearer',
  },
  'Idempotency-Replayed': {
    description:
      '`true` when this is the answer of an earlier request with the same Idempotency-Key.',
    schema: { type: 'string', enum: ['true'] },
  },
  ETag: {
    description: 'Strong: changes with the bytes.',
    schema: { type: 'string' },
    example: '"9834876dcfb05cb1"',
  },
  'Accept-Ranges': { description: 'Always `bytes`.', schema: { type: 'string' }, example: 'bytes' },
  'Content-Range': {
    description: 'Which bytes these are.',
    schema: { type: 'string' },
    example: 'bytes 0-1023/48213',
  },
  'Content-Disposition': {
    description: 'The original name; `attachment` for what could run in a browser.',
    schema: { type: 'string' },
    example: 'inline; filename="photo.jpg"',
  },
  'Set-Cookie': {
    description: 'The session, or an empty value that removes it.',
    schema: { type: 'string' },
    example: 'admin_session=5f0c...; Path=/; HttpOnly; SameSite=Strict; Max-Age=1209600; Secure',
  },
  'Last-Modified': { description: 'When the file was stored.', schema: { type: 'string' } },
} as const;

export type HeaderName = keyof typeof headers;
