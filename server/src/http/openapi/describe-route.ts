import { allPermissions } from '../../core/access/access.ts';
import type { Api } from '../api.ts';
import type { Failure } from '../failure.ts';
import type { Route, RouteContents } from '../route.ts';
import { joined, shownIn } from './failures.ts';
import type { Access, Answers, Contents, Operation } from './operation.ts';

/** The routes of an API as operations of the document. */
export function describeRoutes(api: Api): readonly Operation[] {
  return api.routes.filter(({ unlisted }) => !unlisted).map((route) => describe(route, api));
}

function describe(route: Route, api: Api): Operation {
  const { id, path, tag, summary, description, request = {} } = route;
  const { params, query, headers, body } = request;
  return {
    id,
    tag,
    summary,
    description,
    method: methodOf(route),
    path: templateOf(path),
    access: accessOf(route, api),
    parameters: { path: params?.(), query: query?.(), header: headers?.() },
    body: body && { required: body.required, content: made(body.content) },
    answers: answersOf(route, api),
  };
}

function methodOf({ method }: Route): Operation['method'] {
  const [shown = 'GET'] = [method].flat();
  return shown.toLowerCase() as Operation['method'];
}

/** As OpenAPI spells it: `/media/{id}`. */
function templateOf(path: string): string {
  return path.replace(/:(\w+)/g, '{$1}').replace('*', '{path}');
}

function accessOf({ permission }: Route, { credentials }: Api): Access {
  if (permission === 'public' || permission === 'signed') {
    return 'none';
  }
  return permission === 'local' ? 'local' : credentials;
}

function answersOf(route: Route, api: Api): Answers {
  const { path, answers, failures = [], dialect } = route;
  const own = Object.entries(answers).map(([status, { content, ...answer }]) => [
    status,
    { ...answer, content: content && made(content) },
  ]);
  return joined(
    Object.fromEntries(own),
    shownIn(api.dialect, [...api.failures, ...scopeFailures(route, api)], path),
    shownIn(dialect ?? api.dialect, failures, path),
    othersOf(api),
  );
}

/** Where upload codes count, a missing permission looks like missing credentials. */
function scopeFailures({ permission }: Route, { credentials }: Api): readonly Failure[] {
  if (credentials === 'upload' || !allPermissions.some((one) => one === permission)) {
    return [];
  }
  return [{ code: 'insufficient_scope', details: { required: permission } }];
}

/** Under `default`, whatever their status. */
function othersOf({ others, dialect }: Api): Answers {
  if (others === undefined) {
    return {};
  }
  const answers = Object.values(shownIn(dialect, others.failures));
  const { all } = joined(...answers.map((answer) => ({ all: answer })));
  return {
    default: { description: others.description, content: all?.content },
  };
}

function made(contents: RouteContents): Contents {
  return Object.fromEntries(
    Object.entries(contents).map(([mediaType, { schema, ...rest }]) => [
      mediaType,
      { ...rest, schema: schema() },
    ]),
  );
}
