import type { StowageError } from '../../core/errors.ts';
import { own } from '../../core/own.ts';

/** The texts of a channel group's failures (Upload API 1.11); clients show or parse them. */
export interface ChannelTexts {
  /** `Channel` in metadata, and the key in the all-failed answer. */
  readonly label: string;
  readonly none: string;
  readonly failed: (message: string) => string;
  readonly failedStatus: number;
  /** When the store will never take this file. Default: as `failedStatus`. */
  readonly refusedStatus?: number;
}

const texts: Readonly<Record<string, ChannelTexts>> = {
  telegram: {
    label: 'TelegramNew',
    none: 'Error: No Telegram channel provided',
    failed: () => 'upload error, check your environment params about telegram channel!',
    failedStatus: 400,
  },
  cfr2: {
    label: 'CloudflareR2',
    none: 'Error: No R2 channel provided',
    failed: (message) => `Error: Failed to upload to R2 - ${message}`,
    failedStatus: 500,
  },
  s3: {
    label: 'S3',
    none: 'Error: No S3 channel provided',
    failed: (message) => `Error: Failed to upload to S3 - ${message}`,
    failedStatus: 500,
  },
  discord: {
    label: 'Discord',
    none: 'Error: No Discord channel configured',
    failed: (message) => `Error: Discord upload failed - ${message}`,
    failedStatus: 500,
  },
  huggingface: {
    label: 'HuggingFace',
    none: 'Error: No HuggingFace channel configured',
    failed: (message) => `Error: HuggingFace upload failed - ${message}`,
    failedStatus: 500,
  },
  webdav: {
    label: 'WebDAV',
    none: 'Error: No WebDAV channel configured',
    failed: (message) => `Error: WebDAV upload failed - ${message}`,
    failedStatus: 500,
  },
  // Ours: it takes pictures only, so that the file is at fault.
  cloudflare_images: {
    label: 'CloudflareImages',
    none: 'Error: No Cloudflare Images channel configured',
    failed: (message) => `Error: Cloudflare Images upload failed - ${message}`,
    failedStatus: 500,
    refusedStatus: 415,
  },
};

export function channelTexts(group: string): ChannelTexts {
  const label = group.charAt(0).toUpperCase() + group.slice(1);
  return (
    own(texts, group) ?? {
      label,
      none: `Error: No ${label} channel configured`,
      failed: (message) => `Error: ${label} upload failed - ${message}`,
      failedStatus: 500,
    }
  );
}

/** One channel's failure in the words of its group. */
export function channelFailure(
  group: string,
  configured: boolean,
  error: StowageError,
): { readonly status: number; readonly text: string } {
  const { none, failed, failedStatus, refusedStatus = failedStatus } = channelTexts(group);
  if (!configured) {
    return { status: 400, text: none };
  }
  if (error.code === 'too_large') {
    return { status: 413, text: `Error: ${error.message}` };
  }
  if (error.code === 'disk_full' || error.code === 'channel_full') {
    return { status: 507, text: `Error: ${error.message}` };
  }
  return {
    status: error.code === 'channel_refused' ? refusedStatus : failedStatus,
    text: failed(error.message),
  };
}
