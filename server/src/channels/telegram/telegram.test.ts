import { channelConformance } from '../../../test/conformance/channel.ts';
import {
  emulatedChat,
  emulatedToken,
  startTelegramEmulator,
} from '../../../test/emulators/telegram/emulator.ts';
import { unpaced } from '../../../test/emulators/telegram/scene.ts';
import { createProber } from '../../images/prober.ts';
import { createTelegramChannel } from './index.ts';
import { telegramSettings } from './settings.ts';

channelConformance('telegram', {
  create: async () => {
    const emulator = await startTelegramEmulator();
    const settings = telegramSettings.parse({
      botToken: emulator.token,
      chatId: emulatedChat.id,
      apiBase: emulator.url,
      ...unpaced,
    });
    return {
      channel: createTelegramChannel(settings, { prober: createProber() }),
      objects: async () => emulator.messages.size,
      destroy: emulator.stop,
    };
  },
  secrets: [emulatedToken, emulatedToken.split(':')[1] ?? ''],
});
