import { describe, expect, it } from 'vitest';
import { type ErrorCode, fail } from '../../core/errors.ts';
import { channelFailure, channelTexts } from './channel-texts.ts';

describe('a channel that failed', () => {
  it.each<[string, ErrorCode, number, RegExp]>([
    ['cloudflare_images', 'channel_refused', 415, /^Error: Cloudflare Images upload failed - \S/],
    [
      'cloudflare_images',
      'channel_unavailable',
      500,
      /^Error: Cloudflare Images upload failed - \S/,
    ],
    [
      'telegram',
      'channel_refused',
      400,
      /^upload error, check your environment params about telegram channel!$/,
    ],
    ['s3', 'channel_refused', 500, /^Error: Failed to upload to S3 - \S/],
    ['discord', 'too_large', 413, /^Error: \S/],
    ['local', 'disk_full', 507, /^Error: \S/],
  ])('%s with %s is %i', (group, code, status, text) => {
    expect(channelFailure(group, true, fail(code))).toEqual({
      status,
      text: expect.stringMatching(text),
    });
  });

  it('that is not there is a 400', () => {
    expect(channelFailure('cloudflare_images', false, fail('service_unavailable'))).toEqual({
      status: 400,
      text: 'Error: No Cloudflare Images channel configured',
    });
    expect(channelTexts('cloudflare_images').label).toBe('CloudflareImages');
  });
});
