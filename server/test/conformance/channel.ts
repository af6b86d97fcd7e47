import { afterAll, beforeAll, describe, it } from 'vitest';
import { getCases } from './channel/get-cases.ts';
import { listCases } from './channel/list-cases.ts';
import { multipartCases } from './channel/multipart-cases.ts';
import { presignCases } from './channel/presign-cases.ts';
import { putCases } from './channel/put-cases.ts';
import {
  type ChannelCase,
  type ChannelConformanceOptions,
  type ChannelFixture,
  createSubject,
  type Subject,
} from './channel/subject.ts';

export type { ChannelConformanceOptions } from './channel/subject.ts';

const cases: readonly ChannelCase[] = [
  ...putCases,
  ...getCases,
  ...listCases,
  ...multipartCases,
  ...presignCases,
];

/**
 * The promises of `core/channel.ts` as tests, against one channel that `create` makes once for all
 * cases. Cases of abilities that the channel lacks are skipped by themselves; anything else is only
 * skipped with a reason in `skip`.
 */
export function channelConformance(name: string, options: ChannelConformanceOptions): void {
  const skip = knownSkips(options.skip ?? {});
  describe(`channel conformance: ${name}`, () => {
    let fixture: ChannelFixture | undefined;
    let subject: Subject | undefined;
    beforeAll(async () => {
      fixture = await options.create();
      subject = createSubject(fixture, options);
    });
    afterAll(async () => {
      await fixture?.channel.close?.();
      await fixture?.destroy?.();
    });
    for (const testCase of cases) {
      it(testCase.name, { timeout: options.slow ? 180_000 : 30_000 }, async (context) => {
        context.skip(skip.has(testCase.name), skip.get(testCase.name));
        if (subject === undefined) {
          throw new Error('create failed');
        }
        const { needs } = testCase;
        context.skip(needs !== undefined && subject.channel[needs] === undefined, `no ${needs}`);
        await testCase.run(subject);
      });
    }
  });
}

function knownSkips(skip: Readonly<Record<string, string>>): ReadonlyMap<string, string> {
  const names = new Set(cases.map(({ name }) => name));
  const unknown = Object.keys(skip).filter((name) => !names.has(name));
  if (unknown.length > 0) {
    throw new Error(`No such conformance cases: ${unknown.join(', ')}`);
  }
  return new Map(Object.entries(skip));
}
