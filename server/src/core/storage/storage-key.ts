/**
 * The name under which a channel stores an object: `2026/11/<storage id>.jpg`. The storage id is
 * the id of the blob or part it becomes, so that an object left over by a crash can be matched with
 * the library. Every attempt after the first has a name of its own (`<storage id>.1.jpg`): what a
 * failed one left can be removed without a look at the others.
 */
export function storageKey(storageId: string, extension: string, at: number, attempt = 0): string {
  const date = new Date(at);
  const month = String(date.getUTCMonth() + 1).padStart(2, '0');
  const safe = /^[A-Za-z0-9]{1,12}$/.test(extension) ? `.${extension.toLowerCase()}` : '';
  return `${date.getUTCFullYear()}/${month}/${storageId}${attempt === 0 ? '' : `.${attempt}`}${safe}`;
}

/** The storage id in a key. */
export function storageIdOf(key: string): string {
  const name = key.slice(key.lastIndexOf('/') + 1);
  const dot = name.indexOf('.');
  return dot < 0 ? name : name.slice(0, dot);
}
