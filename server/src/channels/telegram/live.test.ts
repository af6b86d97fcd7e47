import { channelConformance } from '../../../test/conformance/channel.ts';
import { createProber } from '../../images/prober.ts';
import { createTelegramChannel } from './index.ts';
import { telegramSettings, tokensOf } from './settings.ts';

// docs/channels/telegram.md: a run against the real service, for whoever has a bot and a chat to
// spare
const { STOWAGE_LIVE_TELEGRAM } = process.env;

if (STOWAGE_LIVE_TELEGRAM) {
  const settings = telegramSettings.parse(JSON.parse(STOWAGE_LIVE_TELEGRAM));
  channelConformance('telegram, live', {
    create: async () => ({ channel: createTelegramChannel(settings, { prober: createProber() }) }),
    slow: true,
    secrets: tokensOf(settings),
    skip: {
      'delete is idempotent, get afterwards says not_found':
        'Telegram keeps files of deleted messages for a while',
      'errors are of the channel family and hold no secret':
        'Telegram keeps files of deleted messages for a while',
    },
  });
} else {
  const { it } = await import('vitest');
  it.skip('live: set STOWAGE_LIVE_TELEGRAM to the settings of a channel as JSON');
}
