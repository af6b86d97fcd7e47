import { describe, expect, it } from 'vitest';
import { drivers } from '../channels/index.ts';
import { commonSettings, metaOf, shapeOf } from './channels.ts';

describe.each(drivers)('settings of type $type', ({ settings, type }) => {
  const shape = shapeOf(settings);

  it('leave the common settings alone', () => {
    expect(Object.keys(shape).filter((key) => Object.hasOwn(commonSettings.shape, key))).toEqual(
      [],
    );
  });

  it('are described, each with a sentence', () => {
    expect(Object.keys(shape).length).toBeGreaterThan(0);
    for (const [key, member] of Object.entries(shape)) {
      expect(metaOf(member).description, `${type}.${key}`).toMatch(/\.$/);
    }
  });

  it('say in words what a pattern asks for', () => {
    for (const [key, member] of Object.entries(shape)) {
      const patterns = (member.safeParse('\u0000 no such thing').error?.issues ?? []).filter(
        ({ message }) => /pattern/.test(message),
      );
      expect(patterns, `${type}.${key}`).toEqual([]);
    }
  });

  it('refuse unknown keys', () => {
    const problems = settings.safeParse({ notASetting: 1 }).error?.issues ?? [];
    expect(problems.map(({ code }) => code)).toContain('unrecognized_keys');
  });
});
