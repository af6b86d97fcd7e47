import { type NameMode, nameModes } from '../../core/naming/file-id.ts';
import type { Fields } from '../body/urlencoded-form.ts';

/**
 * Upload API 1.2: where a file goes. A form must have it before the file. Unknown values mean the
 * default, unknown names are ignored, empty ones count as absent.
 */
export interface Placement {
  readonly uploadChannel: string | undefined;
  readonly channelName: string | undefined;
  readonly serverCompress: boolean;
  readonly autoRetry: boolean;
}

/** Upload API 1.2: what a file is called and how its link looks. May follow the file in a form. */
export interface Naming {
  readonly nameMode: NameMode | undefined;
  readonly fullUrl: boolean | undefined;
  readonly uploadFolder: string | undefined;
}

export function placementOf(query: Fields, form: Fields): Placement {
  const value = reader(query, form);
  return {
    uploadChannel: value('uploadChannel')?.toLowerCase(),
    channelName: value('channelName'),
    // An owner may switch it off for a channel: docs/decisions/007.
    serverCompress: value('serverCompress') !== 'false',
    autoRetry: value('autoRetry') !== 'false',
  };
}

export function namingOf(query: Fields, form: Fields): Naming {
  const value = reader(query, form);
  const returnFormat = value('returnFormat');
  return {
    nameMode: nameModeOf(value('uploadNameType')),
    fullUrl: returnFormat === undefined ? undefined : returnFormat === 'full',
    uploadFolder: value('uploadFolder'),
  };
}

export function nameModeOf(text: string | undefined): NameMode | undefined {
  return nameModes.find((mode) => mode === text);
}

/** The query counts; what it lacks may come as a form field of the same name. */
function reader(query: Fields, form: Fields): (name: string) => string | undefined {
  return (name) => query[name] || form[name] || undefined;
}
