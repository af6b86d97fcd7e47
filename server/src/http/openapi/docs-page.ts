import { randomBytes } from 'node:crypto';

/** What the renderer may do: show our document and try its requests here. Nothing of it calls its makers. */
const configuration = {
  url: '/openapi.json',
  pageTitle: 'Stowage API',
  theme: 'default',
  layout: 'modern',
  defaultHttpClient: { targetKey: 'shell', clientKey: 'curl' },
  documentDownloadType: 'json',
  withDefaultFonts: false,
  telemetry: false,
  persistAuth: false,
  hideClientButton: true,
  showDeveloperTools: 'never',
  showToolbar: 'never',
  agent: { disabled: true },
  mcp: { disabled: true },
  favicon: 'data:,',
};

export interface DocsPage {
  readonly html: string;
  /** Content-Security-Policy of this very page. */
  readonly policy: string;
}

/** The page at `/docs`; its one script comes from `/docs/scalar.js`. */
export function docsPage(): DocsPage {
  const nonce = randomBytes(16).toString('base64');
  return { html: render(nonce), policy: policyFor(nonce) };
}

function policyFor(nonce: string): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'self' 'nonce-${nonce}'`,
    // The renderer sets sizes and colours on its elements.
    "style-src-attr 'unsafe-inline'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}

function render(nonce: string): string {
  const config = JSON.stringify(configuration).replaceAll('&', '&amp;').replaceAll('"', '&quot;');
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta property="csp-nonce" content="${nonce}" nonce="${nonce}">
    <title>Stowage API</title>
    <link rel="icon" href="data:,">
  </head>
  <body>
    <noscript>This page needs JavaScript. The same, for programs: <a href="/openapi.json">/openapi.json</a></noscript>
    <div id="api-reference" data-configuration="${config}"></div>
    <script src="/docs/scalar.js"></script>
  </body>
</html>
`;
}
