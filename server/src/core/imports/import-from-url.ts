import { fail } from '../errors.ts';
import type { JobHandler } from '../jobs/job-runner.ts';
import type { Media } from '../uploads/presigned/presigned-types.ts';
import { importImage } from './import-image.ts';
import type { ImportCaller, ImportOptions, ImportRequest } from './import-types.ts';
import { createVideoImports } from './import-video.ts';

/** Files imported from addresses on the web (Media API 5.4). */
export interface Imports {
  /**
   * An image is `ready` when this resolves; an MP4 is `uploading` and fetched in the background, to
   * become `ready` or `failed` under the same id. Fails as `SafeFetch.open` does, with
   * `unsupported_media_type` for anything else, and with `invalid_media`, `empty_file` or
   * `unprocessable`: then nothing is left.
   */
  start(request: ImportRequest, caller: ImportCaller): Promise<Media>;
  /** Take up videos that another process, or this one before a restart, was fetching. */
  readonly handlers: Readonly<Record<string, JobHandler>>;
  /** Stops fetching; the next process resumes. */
  stop(): Promise<void>;
}

export function createImports(options: ImportOptions): Imports {
  const videos = createVideoImports(options);
  return {
    async start(request, caller) {
      // Nothing is fetched for a caller who has lost the right while the request came in.
      if (!(await options.access.mayUpload(caller.owner))) {
        throw fail('unauthorized');
      }
      return (
        (await importImage({ request, caller, options })) ?? (await videos.start(request, caller))
      );
    },
    handlers: videos.handlers,
    stop: videos.stop,
  };
}
