import { z } from 'zod';
import { failed } from '../failure.ts';
import { named } from '../openapi/named.ts';
import { queryOf } from '../query.ts';
import { json, route } from '../route.ts';

const endedSession = named('EndedSession', () => z.strictObject({ success: z.literal(true) }));

const noId = { code: 'validation_error', as: 'id', message: 'Missing: id' } as const;
const noSuchSession = { code: 'not_found', as: 'session', message: 'No such session.' } as const;

/** Ours: signs a person out. */
export const deleteSession = route({
  id: 'endSession',
  method: 'DELETE',
  path: '/api/manage/sessions',
  permission: 'manage',
  tag: 'Sign-in',
  summary: 'End a session',
  description: 'Its next request is refused.',
  request: {
    query: () => z.object({ id: z.string().meta({ description: 'Id of the session.' }) }),
  },
  answers: {
    200: {
      description: 'It is ended.',
      content: json(endedSession, { ended: { value: { success: true } } }),
    },
  },
  failures: [noId, noSuchSession],
  async handler({ request, reply, deps }) {
    const { id } = queryOf(request.url);
    if (!id) {
      throw failed(noId);
    }
    if (!(await deps.sessions.end(id))) {
      throw failed(noSuchSession);
    }
    return reply.send({ success: true });
  },
});
