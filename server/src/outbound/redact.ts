/**
 * Replaces every occurrence of a secret, also percent-encoded, by `[secret]`. Short strings (< 4)
 * are left alone: they would eat normal words.
 */
export type Redact = (text: string) => string;

export function createRedact(secrets: readonly (string | undefined)[]): Redact {
  const needles = secrets
    .filter((secret): secret is string => secret !== undefined && secret.length >= 4)
    .flatMap((secret) => [...new Set([secret, encodeURIComponent(secret), encodeURI(secret)])])
    .sort((a, b) => b.length - a.length);
  return (text) => needles.reduce((result, needle) => result.replaceAll(needle, '[secret]'), text);
}
