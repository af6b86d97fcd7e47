import type { PutOptions } from '../../core/channel.ts';

const maxNameChars = 200;
const plainType = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+$/;

/**
 * A name for people looking at the remote side: no path, no control characters, never empty, its
 * ending kept when cut.
 */
export function attachmentName({ filename, key }: Pick<PutOptions, 'filename' | 'key'>): string {
  const last = (text: string) => text.split(/[/\\]/).at(-1) ?? '';
  const clean = last(filename ?? '')
    .replaceAll(/\p{Cc}/gu, '')
    .trim();
  const name = clean === '' || /^\.+$/.test(clean) ? last(key.replace(/\/+$/, '')) : clean;
  if (name.length <= maxNameChars) {
    return name.isWellFormed() ? name : name.toWellFormed();
  }
  const ending = /\.[A-Za-z0-9]{1,10}$/.exec(name)?.[0] ?? '';
  return (name.slice(0, maxNameChars - ending.length) + ending).toWellFormed();
}

/** The content type without parameters, or `application/octet-stream` for what is none. */
export function attachmentType(contentType: string): string {
  const type = (contentType.split(';')[0] ?? '').trim();
  return plainType.test(type) && type.length <= 127 ? type : 'application/octet-stream';
}
