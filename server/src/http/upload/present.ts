import type { IncomingMessage } from 'node:http';
import type { StoredFile } from '../../core/metadata.ts';
import { requestOrigin } from '../client-address.ts';
import type { HttpSettings } from '../deps.ts';

/** Upload API 1.8: `[{"src"}]`, with `publicUrl` only when a prefix is configured. The path is not percent-encoded. */
export function presentUploaded(
  { file }: StoredFile,
  {
    fullUrl,
    request,
    settings,
  }: { readonly fullUrl: boolean; readonly request: IncomingMessage; readonly settings: HttpSettings },
): readonly { readonly src: string; readonly publicUrl?: string }[] {
  const link = `/file/${file.path}`;
  return [{ src: fullUrl ? `${requestOrigin(request, settings)}${link}` : link, ...publicUrl(file.path, settings) }];
}

export function publicUrl(path: string, { urlPrefix }: HttpSettings): { readonly publicUrl?: string } {
  return urlPrefix === undefined ? {} : { publicUrl: `${urlPrefix.replace(/\/+$/, '')}/${path}` };
}
