import { describe, expect, it } from 'vitest';
import { fail } from '../core/errors.ts';
import { explainError } from './explain.ts';

describe('an error for the person at the terminal', () => {
  it('adds what lies beneath', () => {
    const error = fail('service_unavailable', {
      message: 'No database.',
      cause: new Error('connect ECONNREFUSED 127.0.0.1:1'),
    });
    expect(explainError(error)).toBe('No database. (connect ECONNREFUSED 127.0.0.1:1)');
  });

  it('says nothing twice', () => {
    const cause = new Error('it is read-only');
    expect(
      explainError(fail('service_unavailable', { message: 'No folder: it is read-only.', cause })),
    ).toBe('No folder: it is read-only.');
    expect(explainError(fail('not_found', { message: 'Gone.' }))).toBe('Gone.');
  });

  it('names every address that was tried', () => {
    const cause = new AggregateError(
      [new Error('refused ::1'), new Error('refused 127.0.0.1')],
      '',
    );
    expect(explainError(fail('service_unavailable', { message: 'No database.', cause }))).toBe(
      'No database. (refused ::1, refused 127.0.0.1)',
    );
  });
});
