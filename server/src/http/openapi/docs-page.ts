/**
 * Settings of the renderer: it shows our document, sends trial requests to this server, and
 * contacts no other host.
 */
const configuration = {
  url: 'openapi.json',
  pageTitle: 'Stowage API',
  theme: 'default',
  layout: 'modern',
  orderSchemaPropertiesBy: 'preserve',
  defaultHttpClient: { targetKey: 'shell', clientKey: 'curl' },
  documentDownloadType: 'json',
  withDefaultFonts: false,
  telemetry: false,
  persistAuth: false,
  hideClientButton: true,
  showDeveloperTools: 'never',
  agent: { disabled: true },
  mcp: { disabled: true },
  favicon: 'data:,',
};

/** Content-Security-Policy of the page. */
export const docsPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  // The renderer adds style elements of its own. It shows only our document.
  "style-src 'self' 'unsafe-inline'",
  // Responses to trial requests are shown from memory.
  "img-src 'self' data: blob:",
  "media-src 'self' blob:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/**
 * The page at `/docs`. It shows its text at once; the renderer, which takes seconds on a slow line,
 * replaces it. Its one script comes from `/docs/scalar.js`. Both addresses are relative, for
 * servers below a path.
 */
export const docsPage = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Stowage API</title>
    <link rel="icon" href="data:,">
    <style>
      :root { color-scheme: light dark }
      body:has(.scalar-app) #first-view { display: none }
      #first-view { max-width: 36rem; margin: 15vh auto; padding: 0 1.5rem; font: 1rem/1.6 system-ui, sans-serif }
    </style>
  </head>
  <body>
    <noscript>This page needs JavaScript. The same, for programs: <a href="openapi.json">openapi.json</a></noscript>
    <div id="api-reference" data-configuration="${attribute(JSON.stringify(configuration))}"></div>
    <div id="first-view">
      <h1>Stowage API</h1>
      <p>The reference is loading (1.4 MB, once). Programs read <a href="openapi.json">openapi.json</a>.</p>
    </div>
    <script src="docs/scalar.js"></script>
  </body>
</html>
`;

function attribute(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('"', '&quot;');
}
