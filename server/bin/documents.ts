import { drivers } from '../src/channels/index.ts';
import { renderConfiguration } from '../src/config/render-docs.ts';
import { apis } from '../src/http/apis.ts';
import { openApiDocument } from '../src/http/openapi/document.ts';

/**
 * A file of the repository that is made from the sources; `path` starts at the repository's root.
 */
export interface GeneratedDocument {
  readonly path: string;
  readonly text: string;
}

/**
 * The only list of generated documents: `npm run docs` writes them, a test fails when one is stale.
 */
export async function generateDocuments(): Promise<readonly GeneratedDocument[]> {
  return [
    { path: 'docs/configuration.md', text: renderConfiguration(drivers) },
    { path: 'docs/openapi.json', text: `${JSON.stringify(openApiDocument(apis), null, 2)}\n` },
  ];
}
