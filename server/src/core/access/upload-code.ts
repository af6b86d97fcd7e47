/** The upload code, or what returns it where it can be changed at run time. */
export type UploadCode = string | (() => string | undefined) | undefined;

/**
 * The upload code that counts now; undefined when there is none. Throws `service_unavailable` when
 * it cannot be read.
 */
export function currentCode(code: UploadCode): string | undefined {
  return typeof code === 'function' ? code() : code;
}
