import { z } from 'zod';
import type { SessionRecord } from '../../core/metadata.ts';
import { named } from '../openapi/named.ts';
import { timestamp } from '../openapi/shared-schemas.ts';
import { json, route } from '../route.ts';
import { cookieKinds } from '../session-cookies.ts';

const sessionItem = () =>
  z.strictObject({
    id: z.string(),
    authType: z.enum(cookieKinds),
    createdAt: timestamp,
    lastSeenAt: timestamp.meta({ description: 'To the minute.' }),
    expiresAt: timestamp,
    ip: z.string().meta({ description: 'Where it was signed in.' }),
    userAgent: z.string(),
    current: z.boolean().meta({ description: 'Whether it is the one of this request.' }),
  });

const sessionList = named('SessionList', () =>
  z.strictObject({ sessions: z.array(sessionItem()) }),
);

const example = {
  id: '019aab3c-6f00-7c2e-9d41-5b8f3a7e1c02',
  authType: 'admin',
  createdAt: '2026-04-10T12:00:00.000Z',
  lastSeenAt: '2026-04-10T12:30:00.000Z',
  expiresAt: '2026-04-24T12:00:00.000Z',
  ip: '203.0.113.7',
  userAgent: 'Mozilla/5.0',
  current: true,
};

/** Ours: who is signed in. */
export const listSessions = route({
  id: 'listSessions',
  method: 'GET',
  path: '/api/manage/sessions',
  permission: 'manage',
  tag: 'Sign-in',
  summary: 'List sessions',
  description: 'Newest first, at most 1,000, of both kinds.',
  answers: {
    200: {
      description: 'Who is signed in.',
      content: json(sessionList, { one: { value: { sessions: [example] } } }),
    },
  },
  async handler({ reply, deps, caller }) {
    const sessions = await deps.sessions.list();
    return reply.send({
      sessions: sessions.map((session) => present(session, caller.session?.id)),
    });
  },
});

function present(session: SessionRecord, currentId: string | undefined) {
  return {
    id: session.id,
    authType: session.kind,
    createdAt: new Date(session.createdAt).toISOString(),
    lastSeenAt: new Date(session.lastSeenAt).toISOString(),
    expiresAt: new Date(session.expiresAt).toISOString(),
    ip: session.ip,
    userAgent: session.userAgent,
    current: session.id === currentId,
  };
}
