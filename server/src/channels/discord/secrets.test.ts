import { describe, expect, it } from 'vitest';
import { neverAborted, newSample, putSample, read } from '../../../test/emulators/channel-kit.ts';
import { emulatedToken } from '../../../test/emulators/discord/emulator.ts';
import { discordScene } from '../../../test/emulators/discord/scene.ts';
import type { Fault } from '../../../test/emulators/emulator-kit.ts';

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
    const { channel, emulator, open } = await discordScene();
    const { ref } = await putSample(channel, newSample(10));
    expect(JSON.stringify(ref)).not.toContain('Canary');

    const faults: Fault[] = [
      {
        kind: 'status',
        status: 400,
        when: 'before',
        body: JSON.stringify({ message: `Bot ${emulatedToken}`, code: 50_035 }),
      },
      { kind: 'status', status: 502, when: 'before', body: `<html>Bot ${emulatedToken}</html>` },
      { kind: 'reset', when: 'before' },
      { kind: 'reset', when: 'mid-body' },
      { kind: 'wrong-json', when: 'before' },
    ];
    const errors: unknown[] = [];
    const keep = (error: unknown) => errors.push(error);
    for (const fault of faults) {
      for (const call of [
        'POST message',
        'GET message',
        'DELETE message',
        'GET /users/@me',
        'download',
      ]) {
        emulator.faults.add(call, fault);
      }
      await putSample(channel, newSample(10)).catch(keep);
      await read(channel, ref).catch(keep);
      await read(open(), ref).catch(keep);
      await channel.delete(ref, { signal: neverAborted }).catch(keep);
      await channel.check({ signal: neverAborted }).catch(keep);
    }
    const unreachable = open({ apiBase: 'http://127.0.0.1:1' });
    await putSample(unreachable, newSample(10)).catch(keep);
    expect(errors.length).toBeGreaterThanOrEqual(20);
    for (const error of errors) {
      expect(allOf(error)).not.toContain('Canary');
    }
  });
});
