import type { NameMode } from '../../core/naming/file-id.ts';
import type { Fields } from '../body/urlencoded-form.ts';

/**
 * Upload API 1.2. Unknown values mean the default, unknown names are ignored, empty ones count as
 * absent.
 */
export interface UploadOptions {
  readonly uploadChannel: string | undefined;
  readonly channelName: string | undefined;
  readonly serverCompress: boolean;
  readonly autoRetry: boolean;
  readonly nameMode: NameMode | undefined;
  readonly fullUrl: boolean | undefined;
  readonly uploadFolder: string | undefined;
}

export const nameModes = [
  'default',
  'index',
  'origin',
  'short',
] as const satisfies readonly NameMode[];

/** The query counts; what it lacks may come as a form field of the same name. */
export function uploadOptions(query: Fields, form: Fields = {}): UploadOptions {
  const value = (name: string): string | undefined => query[name] || form[name] || undefined;
  const returnFormat = value('returnFormat');
  return {
    uploadChannel: value('uploadChannel')?.toLowerCase(),
    channelName: value('channelName'),
    // An owner may switch it off for a channel: docs/decisions/007.
    serverCompress: value('serverCompress') !== 'false',
    autoRetry: value('autoRetry') !== 'false',
    nameMode: nameModeOf(value('uploadNameType')),
    fullUrl: returnFormat === undefined ? undefined : returnFormat === 'full',
    uploadFolder: value('uploadFolder'),
  };
}

export function nameModeOf(text: string | undefined): NameMode | undefined {
  return nameModes.find((mode) => mode === text);
}
