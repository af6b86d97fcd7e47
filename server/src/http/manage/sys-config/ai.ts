import { z } from 'zod';
import { named } from '../../openapi/named.ts';
import { json, route } from '../../route.ts';

const aiConfig = named('AiConfig', () => z.looseObject({ enabled: z.literal(false) }));

const off = {
  enabled: false,
  execution: { providerTimeoutMs: 30_000, maxBatchSize: 1, concurrency: 1 },
  providers: [],
  models: [],
  promptOverrides: {},
  capabilities: {
    'image.tags': { enabled: false, modelId: '', language: 'en', maxTags: 10, preferredTags: [] },
  },
  canStoreCredentials: false,
  defaults: { tagPrompt: '' },
} as const;

export const getAiConfig = route({
  id: 'getAiConfig',
  method: 'GET',
  path: '/api/manage/sysConfig/ai',
  permission: 'manage',
  tag: 'Management',
  summary: 'Settings of tags by a model (off)',
  description: 'For pages that expect the address to exist.',
  answers: {
    200: { description: 'It is off.', content: json(aiConfig, { off: { value: off } }) },
  },
  handler: ({ reply }) => reply.send(off),
});
