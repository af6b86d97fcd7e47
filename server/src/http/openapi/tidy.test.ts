import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { tidy } from './tidy.ts';

const written = (schema: z.ZodType) => tidy(z.toJSONSchema(schema, { io: 'input' }));

describe('tidy', () => {
  it('lets objects grow, but keeps the type of what they may hold', () => {
    expect(written(z.strictObject({ a: z.string() }))).toEqual({
      type: 'object',
      properties: { a: { type: 'string' } },
      required: ['a'],
    });
    expect(written(z.object({}).catchall(z.string()))).toMatchObject({
      additionalProperties: { type: 'string' },
    });
  });

  it('turns "or null" into a type', () => {
    expect(written(z.int().nullable())).toEqual({ type: ['integer', 'null'] });
    expect(written(z.enum(['a', 'b']).nullable())).toEqual({
      type: ['string', 'null'],
      enum: ['a', 'b', null],
    });
    expect(written(z.union([z.object({}), z.array(z.string())]))).toHaveProperty('anyOf');
  });

  it('makes a tuple of one a list of one', () => {
    const list = { type: 'array', items: { type: 'string' }, minItems: 1, maxItems: 1 };
    expect(written(z.tuple([z.string()]))).toMatchObject({
      type: 'array',
      items: { type: 'string' },
    });
    expect(
      tidy({
        type: 'array',
        prefixItems: [{ type: 'string' }],
        items: false,
        minItems: 1,
        maxItems: 1,
      }),
    ).toEqual(list);
  });

  it('keeps limits that somebody set, and patterns that no format stands for', () => {
    expect(written(z.int().min(1).max(100))).toEqual({ type: 'integer', minimum: 1, maximum: 100 });
    expect(written(z.uuid())).toEqual({ type: 'string', format: 'uuid' });
    expect(written(z.string().regex(/^a$/))).toEqual({ type: 'string', pattern: '^a$' });
  });

  it('leaves examples as they are', () => {
    const example = { anyOf: [{ type: 'x' }, { type: 'null' }], additionalProperties: false };
    expect(tidy({ examples: { one: { value: example } } })).toEqual({
      examples: { one: { value: example } },
    });
  });
});
