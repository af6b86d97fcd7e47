import { describe, expect, it } from 'vitest';
import { createLogger } from './logger.ts';

function logged(fields: object, format: 'json' | 'text' = 'json'): string {
  const lines: string[] = [];
  createLogger({ level: 'info', format }, { write: (line) => lines.push(line) }).info(
    fields,
    'Request',
  );
  return lines.join('');
}

describe('createLogger', () => {
  it('writes a line of JSON', () => {
    const line = JSON.parse(logged({ status: 200, route: '/upload' }));
    expect(line).toEqual({
      level: 'info',
      time: expect.any(String),
      status: 200,
      route: '/upload',
      msg: 'Request',
    });
  });

  it('hides secrets by the name of their field, also inside others, and leaves the given object alone', () => {
    const fields = {
      token: 't0ken',
      request: { Authorization: 'Bearer t0ken', path: '/x', more: { password: 't0ken' } },
    };
    const line = logged(fields);
    expect(line).not.toContain('t0ken');
    expect(JSON.parse(line).request).toEqual({
      Authorization: '[redacted]',
      path: '/x',
      more: { password: '[redacted]' },
    });
    expect(fields.token).toBe('t0ken');
    expect(logged(fields, 'text')).not.toContain('t0ken');
  });

  it('as text, quotes what a terminal would obey or take apart', () => {
    const line = logged(
      { path: '/file/a.jpg', userAgent: 'curl 8 \u009b31m\n"x"', name: 'Zoë', count: 3 },
      'text',
    );
    expect(line).toContain(
      String.raw`path=/file/a.jpg userAgent="curl 8 \u009b31m\n\"x\"" name=Zoë count=3`,
    );
  });

  it('hides signatures and bot tokens in what errors say', () => {
    const error = new Error('GET /relay/1?sig=s1gned failed', {
      cause: new Error('https://api.telegram.org/bot1:s1gned/x'),
    });
    const line = logged({ err: error });
    expect(line).not.toContain('s1gned');
    expect(JSON.parse(line).err).toMatchObject({
      type: 'Error',
      message: 'GET /relay/1?sig=[redacted] failed',
    });
  });

  it('survives objects that hold themselves', () => {
    const fields: Record<string, unknown> = { status: 1 };
    fields.self = fields;
    expect(logged(fields)).toContain('Request');
  });
});
