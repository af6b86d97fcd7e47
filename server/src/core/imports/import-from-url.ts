import { fail } from '../errors.ts';
import type { JobHandler } from '../jobs/job-runner.ts';
import type { Media } from '../uploads/presigned/media.ts';
import { type ImageImportDeps, type ImageImportLimits, ImageImports } from './import-image.ts';
import { importJob } from './import-lease.ts';
import type { ImportRequest } from './import-request.ts';
import { type VideoImportDeps, type VideoImportLimits, VideoImports } from './import-video.ts';

export interface ImportDeps extends ImageImportDeps, VideoImportDeps {
  readonly pool: VideoImportDeps['pool'];
  readonly intake: VideoImportDeps['intake'];
}

export interface ImportLimits extends ImageImportLimits, VideoImportLimits {}

/** Files imported from addresses on the web (Media API 5.4). */
export class Imports {
  readonly #access: ImportDeps['access'];
  readonly #images: ImageImports;
  readonly #videos: VideoImports;
  /** Take up videos that another process, or this one before a restart, was fetching. */
  readonly handlers: Readonly<Record<string, JobHandler>>;

  constructor(deps: ImportDeps, limits: ImportLimits) {
    this.#access = deps.access;
    this.#images = new ImageImports(deps, limits);
    const videos = new VideoImports(deps, limits);
    this.#videos = videos;
    this.handlers = { [importJob]: (payload) => videos.takeUp(payload) };
  }

  /**
   * An image is `ready` when this resolves; an MP4 is `uploading` and fetched in the background, to
   * become `ready` or `failed` under the same id. Fails as `SafeFetch.open` does, with
   * `unsupported_media_type` for anything else, and with `invalid_media`, `empty_file` or
   * `unprocessable`: then nothing is left.
   */
  async start(request: ImportRequest, owner: string): Promise<Media> {
    // Nothing is fetched for a caller who has lost the right while the request came in.
    if (!(await this.#access.mayUpload(owner))) {
      throw fail('unauthorized');
    }
    const image = await this.#images.import(request, owner);
    return image === 'video' ? this.#videos.start(request, owner) : image;
  }

  /** Stops fetching; the next process resumes. */
  stop(): Promise<void> {
    return this.#videos.stop();
  }
}
