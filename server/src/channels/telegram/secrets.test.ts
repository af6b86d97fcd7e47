import { describe, expect, it } from 'vitest';
import { neverAborted, newSample, putSample, read } from '../../../test/emulators/channel-kit.ts';
import type { Fault } from '../../../test/emulators/emulator-kit.ts';
import { emulatedToken } from '../../../test/emulators/telegram/emulator.ts';
import { telegramScene } from '../../../test/emulators/telegram/scene.ts';

const half = emulatedToken.split(':')[1] ?? '';

function allOf(error: unknown): string {
  if (!(error instanceof Error)) {
    return JSON.stringify(error) ?? '';
  }
  return [
    error.message,
    error.stack,
    JSON.stringify(error),
    JSON.stringify(Object.entries(error)),
    allOf(error.cause),
  ].join('\n');
}

describe('the bot token', () => {
  it('shows in no ref and no error, whatever goes wrong', async () => {
    const { channel, emulator, open } = await telegramScene();
    const { ref } = await putSample(channel, newSample(10));
    expect(JSON.stringify(ref)).not.toContain(half);

    const echo = JSON.stringify({
      ok: false,
      error_code: 400,
      description: `Bad Request: /bot${emulatedToken}/x`,
    });
    const faults: Fault[] = [
      { kind: 'status', status: 400, when: 'before', body: echo },
      {
        kind: 'status',
        status: 502,
        when: 'before',
        body: `<html>/bot${emulatedToken}/sendDocument</html>`,
      },
      { kind: 'reset', when: 'before' },
      { kind: 'reset', when: 'mid-body' },
      { kind: 'wrong-json', when: 'before' },
    ];
    const errors: unknown[] = [];
    const keep = (error: unknown) => errors.push(error);
    for (const fault of faults) {
      for (const method of ['sendDocument', 'getFile', 'deleteMessage', 'getMe']) {
        emulator.faults.add(method, fault);
      }
      emulator.faults.add('download', fault, 2);
      await putSample(channel, newSample(10)).catch(keep);
      await read(channel, ref).catch(keep);
      await read(channel, ref).catch(keep);
      await channel.delete(ref, { signal: neverAborted }).catch(keep);
      await channel.check({ signal: neverAborted }).catch(keep);
    }
    const unreachable = open({ apiBase: 'http://127.0.0.1:1' });
    await putSample(unreachable, newSample(10)).catch(keep);
    await read(unreachable, ref).catch(keep);
    expect(errors.length).toBeGreaterThanOrEqual(20);
    for (const error of errors) {
      expect(allOf(error)).not.toContain(half);
    }
  });
});
