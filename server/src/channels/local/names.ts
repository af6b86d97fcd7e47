import type { Ref } from '../../core/channel.ts';
import { fail } from '../../core/errors.ts';

const keyPattern = /^[\w.-]+(?:\/[\w.-]+)*$/;
const pathPattern = /^\d{4}-\d{2}-\d{2}\/\d{2}-\d+\/(?!\.{1,2}$)[\w.~-]{1,200}$/;
const markPattern = /^(\d{4}-\d{2}-\d{2})~(\d{2}-\d+)~(.+)$/;

/** `a/b.png` -> `a~b.png`: `~` is in no key, so this can be undone. */
export function fileNameOf(key: string): string {
  const name = key.replaceAll('/', '~');
  if (key.length > 200 || !keyPattern.test(key) || name === '.' || name === '..') {
    throw fail('channel_refused', { message: 'The storage key is not valid.' });
  }
  return name;
}

/**
 * Path below the objects folder, `2026-11-22/14-0/a~b.png`; undefined when this is no ref of a
 * local channel.
 */
export function pathOf(ref: Ref): string | undefined {
  if (typeof ref !== 'object' || ref === null || !('path' in ref)) {
    return undefined;
  }
  return typeof ref.path === 'string' && pathPattern.test(ref.path) ? ref.path : undefined;
}

/** The mark of an object holds its path: `2026-11-22~14-0~a~b.png`. */
export function markOf(path: string): string {
  return path.replace('/', '~').replace('/', '~');
}

/** Undoes `markOf`; undefined when the name is no mark. */
export function unmark(mark: string): { readonly path: string; readonly key: string } | undefined {
  const [, day, folder, name] = markPattern.exec(mark) ?? [];
  const path = `${day}/${folder}/${name}`;
  return name !== undefined && pathPattern.test(path)
    ? { path, key: name.replaceAll('~', '/') }
    : undefined;
}
