import { createHash, randomBytes } from 'node:crypto';
import { expect } from 'vitest';
import {
  createHuggingFaceChannel,
  type HuggingFaceSettings,
} from '../../../src/channels/huggingface/index.ts';
import type { ByteSource } from '../../../src/core/bytes.ts';
import type { Channel, PutOptions, Ref } from '../../../src/core/channel.ts';
import { type HubEmulator, type HubEmulatorOptions, startHubEmulator } from './emulator.ts';

export const signal = new AbortController().signal;

/** Quick repetitions, so that faults cost a test no time. */
const quickCommits = { gatherMs: 5, patienceMs: 3000, retryBaseMs: 10 };

export interface Rig {
  readonly emulator: HubEmulator;
  readonly channel: Channel;
  /** Another channel on the same hub, as another node would be. */
  another(settings?: Partial<HuggingFaceSettings>): Channel;
  close(): Promise<void>;
}

export async function startRig(
  options: HubEmulatorOptions = {},
  settings: Partial<HuggingFaceSettings> = {},
): Promise<Rig> {
  const emulator = await startHubEmulator(options);
  const opened: Channel[] = [];
  const another = (more: Partial<HuggingFaceSettings> = {}): Channel => {
    const all = { ...settingsFor(emulator), ...settings, ...more };
    const channel = createHuggingFaceChannel(all, quickCommits);
    opened.push(channel);
    return channel;
  };
  return {
    emulator,
    channel: another(),
    another,
    close: async () => {
      await Promise.all(opened.map((channel) => channel.close?.()));
      await emulator.close();
    },
  };
}

function settingsFor(emulator: HubEmulator): HuggingFaceSettings {
  const { token, url: endpoint } = emulator;
  return {
    token,
    endpoint,
    repo: 'ada/pictures',
    private: false,
    branch: 'main',
    folder: 'files',
    repoType: 'dataset',
  };
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Bytes the hub takes for binary. */
export function binary(size: number): Buffer {
  const bytes = randomBytes(size);
  if (size > 0) {
    bytes[0] = 0;
  }
  return bytes;
}

export async function* inChunks(bytes: Uint8Array, chunkBytes = 65_536): ByteSource {
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    yield bytes.subarray(at, at + chunkBytes);
  }
}

export function putOptions(key: string): PutOptions {
  return { key, contentType: 'application/octet-stream', signal };
}

/** What LFS must know beforehand. */
export function factsOf(bytes: Uint8Array) {
  return { size: bytes.length, sha256: sha256(bytes) };
}

export function putBytes(
  channel: Channel,
  bytes: Uint8Array,
  key = `k/${crypto.randomUUID()}.bin`,
) {
  return channel.put({ open: () => inChunks(bytes), ...factsOf(bytes) }, putOptions(key));
}

export async function readBytes(
  channel: Channel,
  ref: Ref,
  range?: { start: number; end: number },
): Promise<Buffer> {
  const { stream } = await channel.get(ref, range === undefined ? { signal } : { signal, range });
  return Buffer.concat(await Array.fromAsync(stream));
}

/** Quicker than `toEqual` on megabytes. */
export function expectSame(actual: Buffer, expected: Buffer | undefined): void {
  expect({ size: actual.length, same: expected?.equals(actual) }).toEqual({
    size: expected?.length,
    same: true,
  });
}
