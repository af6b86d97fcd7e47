/** A multipart form as one Blob. Files stay where they are until they are sent. */
export interface Form {
  readonly body: Blob;
  readonly contentType: string;
}

export type FormFields = Readonly<
  Record<
    string,
    | string
    | number
    | { readonly file: Blob; readonly name: string; readonly type?: string | undefined }
  >
>;

/**
 * Used instead of `FormData`: Node's fetch ends the process with an unhandled rejection when a
 * request with a `FormData` body is aborted.
 */
export function encodeForm(fields: FormFields): Form {
  const boundary = `stowage-${randomId()}`;
  const parts = Object.entries(fields).flatMap(([name, value]): readonly (string | Blob)[] => {
    const head = `--${boundary}\r\nContent-Disposition: form-data; name="${quote(name)}"`;
    if (typeof value !== 'object') {
      return [`${head}\r\n\r\n${value}\r\n`];
    }
    const type = value.type || value.file.type || 'application/octet-stream';
    return [
      `${head}; filename="${quote(value.name)}"\r\nContent-Type: ${type.replace(/[\r\n]/g, '')}\r\n\r\n`,
      value.file,
      '\r\n',
    ];
  });
  return {
    body: new Blob([...parts, `--${boundary}--\r\n`]),
    contentType: `multipart/form-data; boundary=${boundary}`,
  };
}

/** As browsers do it (HTML, multipart/form-data encoding). */
function quote(text: string): string {
  return text.replace(/\r\n|\r|\n/g, '%0D%0A').replaceAll('"', '%22');
}

/** Not `crypto.randomUUID`, which browsers withhold from pages loaded over plain HTTP. */
export function randomId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('');
}
