import type { IncomingHttpHeaders } from 'node:http';

/**
 * Whether a person opened the address in a browser. Programs, pictures in pages and scripts get the
 * plain text.
 */
export function wantsPage(headers: IncomingHttpHeaders): boolean {
  const mode = headers['sec-fetch-mode'] ?? 'navigate';
  return (
    mode === 'navigate' &&
    /^\s*(?:text\/html|application\/xhtml\+xml)\s*(?:[,;]|$)/i.test(headers.accept ?? '')
  );
}

/** Loads nothing and runs nothing. */
export function errorPage(status: number, text: string): string {
  const [title, advice] = status === 404 ? gone : status < 500 ? wrong : broken;
  return `<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${title}</title>
<style>
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif }
body { max-width: 30rem; margin: 20vh auto; padding: 0 1rem }
h1 { font-size: 1.3rem }
small { opacity: 0.7 }
</style>
<h1>${title}</h1>
<p>${advice}</p>
<p><small>${escaped(text)}</small></p>
</html>
`;
}

export const pagePolicy = "default-src 'none'; style-src 'unsafe-inline'; sandbox";

const gone = [
  'There is no file here',
  'It was deleted, or the link is not complete. Ask the sender for a new one.',
] as const;
const wrong = [
  'This link does not work',
  'It is not complete, or was changed on its way. Ask the sender for a new one.',
] as const;
const broken = [
  'The file cannot be shown right now',
  'It is not lost. Try again in a moment.',
] as const;

function escaped(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
