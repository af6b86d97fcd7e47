import { z } from 'zod';
import { allPermissions, type Caller } from '../../../core/access/access.ts';
import { changeAdministrator, findAdministrator } from '../../../core/access/administrator.ts';
import { maxPasswordBytes, minPasswordLength } from '../../../core/access/passwords.ts';
import { fail } from '../../../core/errors.ts';
import { cleanText } from '../../../core/naming/path-text.ts';
import { jsonFailures } from '../../body/json-body.ts';
import type { HttpDeps } from '../../deps.ts';
import { type Failure, failed } from '../../failure.ts';
import { named } from '../../openapi/named.ts';
import { json, route } from '../../route.ts';
import { readAuthorizedJson } from '../read-authorized-json.ts';
import { refuseUnavailable, type Unavailable, unavailable, valueAt } from './unavailable.ts';

const securityConfig = named('SecurityConfig', () =>
  z.looseObject({
    auth: z.strictObject({
      user: z.strictObject({
        authCode: z.literal(''),
        _hasPassword: z.boolean(),
        fixed: z.boolean().meta({ description: 'Set in the configuration, which wins.' }),
      }),
      admin: z.strictObject({
        adminUsername: z.string(),
        adminPassword: z.literal(''),
        _hasPassword: z.boolean(),
        fixed: z.boolean(),
      }),
    }),
  }),
);

const securityRequest = named('SecurityRequest', () =>
  z.looseObject({
    auth: z
      .looseObject({
        user: z
          .looseObject({ authCode: z.string().optional(), _clear: z.boolean().optional() })
          .optional(),
        admin: z
          .looseObject({
            adminUsername: z.string().optional(),
            adminPassword: z.string().optional(),
          })
          .optional(),
      })
      .optional(),
  }),
);

const securityAnswer = named('SecurityAnswer', () =>
  z.strictObject({
    message: z.string(),
    userPasswordChanged: z.boolean(),
    adminPasswordChanged: z.boolean(),
    fixed: z
      .array(z.string())
      .meta({ description: 'What was sent but stays, because the configuration sets it.' }),
  }),
);

/** A shorter code can be found by trying, however slowly. */
const minCodeLength = 12;
const maxNameLength = 100;

const badCode: Failure = {
  code: 'validation_error',
  as: 'authCode',
  message: `auth.user.authCode must have at least ${minCodeLength} printable ASCII characters.`,
  details: { fields: ['auth.user.authCode'] },
};
const badPassword: Failure = {
  code: 'validation_error',
  as: 'adminPassword',
  message: `auth.admin.adminPassword must have at least ${minPasswordLength} characters, and at most ${maxPasswordBytes} bytes.`,
  details: { fields: ['auth.admin.adminPassword'] },
};
const badName: Failure = {
  code: 'validation_error',
  as: 'adminUsername',
  message: `auth.admin.adminUsername must have 1 to ${maxNameLength} characters, and nothing that cannot be seen.`,
  details: { fields: ['auth.admin.adminUsername'] },
};
const missing: readonly Unavailable[] = [
  { path: ['auth', 'admin', '_clear'], what: 'removing the administrator' },
  { path: ['upload', 'moderate', 'enabled'], what: 'moderation' },
  { path: ['upload', 'ipQuery', 'enabled'], what: 'looking up addresses' },
  { path: ['access', 'allowedDomains'], what: 'protection from hotlinks' },
  { path: ['access', 'whiteListMode'], what: 'showing only the white list' },
  { path: ['access', 'imageTransformEnabled'], what: 'resizing pictures' },
];

/** Shown as off, or as the configuration has it. */
function unchangeable({ settings }: HttpDeps) {
  const maxAge = settings.sessionSeconds;
  return {
    upload: {
      moderate: { enabled: false, channel: '', moderateContentApiKey: '', nsfwApiPath: '' },
      ipQuery: {
        enabled: false,
        channel: 'customApi',
        customApi: { url: '', params: [], responseFields: [] },
      },
    },
    access: {
      allowedDomains: '',
      whiteListMode: false,
      imageTransformEnabled: false,
      imageTransformAllowedSizes: '',
      sessionSecure: true,
      userSessionMaxAge: maxAge,
      adminSessionMaxAge: maxAge,
    },
    apiTokens: { tokens: {} },
  };
}

const example = {
  auth: {
    user: { authCode: '', _hasPassword: true, fixed: false },
    admin: { adminUsername: 'admin', adminPassword: '', _hasPassword: true, fixed: false },
  },
};

const path = '/api/manage/sysConfig/security';

export const getSecurityConfig = route({
  id: 'getSecurityConfig',
  method: 'GET',
  path,
  permission: 'manage',
  tag: 'Management',
  summary: 'Upload code and administrator',
  description: '`_hasPassword` shows what is set; nothing secret is returned.',
  answers: {
    200: {
      description: 'All of them.',
      content: json(securityConfig, { one: { value: example } }),
    },
  },
  async handler({ reply, deps }) {
    const { runtimeSettings, metadata, settings } = deps;
    await runtimeSettings.refresh();
    const administrator = await findAdministrator(metadata.accounts);
    return reply.send({
      auth: {
        user: {
          authCode: '',
          _hasPassword: runtimeSettings.authCode() !== undefined,
          fixed: runtimeSettings.isAuthCodeFixed,
        },
        admin: {
          adminUsername: administrator.name,
          adminPassword: '',
          _hasPassword: administrator.hasPassword,
          fixed: settings.isPasswordFixed,
        },
      },
      ...unchangeable(deps),
    });
  },
});

export const setSecurityConfig = route({
  id: 'setSecurityConfig',
  method: 'POST',
  path,
  permission: 'manage',
  tag: 'Management',
  summary: 'Change the upload code and the administrator',
  description:
    'Blank keeps, `_clear` removes the upload code. A change ends the sessions that began with the old secret. The administrator is changed only by callers with every permission. What this server does not have is refused by name.',
  request: {
    body: {
      required: true,
      content: json(securityRequest, {
        code: { value: { auth: { user: { authCode: 'correct horse battery' } } } },
      }),
    },
  },
  answers: {
    200: {
      description: 'What has changed.',
      content: json(securityAnswer, {
        code: {
          value: {
            message: 'security settings saved',
            userPasswordChanged: true,
            adminPasswordChanged: false,
            fixed: [],
          },
        },
      }),
    },
  },
  failures: [...jsonFailures, badCode, badPassword, badName, ...missing.map(unavailable)],
  async handler(context) {
    const { deps, reply } = context;
    const { body, caller } = await readAuthorizedJson(context, 'manage');
    refuseUnavailable(body, missing);
    const code = readCode(body);
    const admin = readAdmin(body);
    const fixed: string[] = [];
    const isAdminSent = await changesAdmin(admin, deps);
    if (isAdminSent && deps.settings.isPasswordFixed) {
      fixed.push('auth.admin');
    }
    if (code !== undefined && deps.runtimeSettings.isAuthCodeFixed) {
      fixed.push('auth.user.authCode');
    }
    const adminChanged = isAdminSent && !fixed.includes('auth.admin');
    if (adminChanged) {
      requireEverything(caller);
    }
    const userChanged = code !== undefined && !deps.runtimeSettings.isAuthCodeFixed;
    if (userChanged) {
      await deps.runtimeSettings.setAuthCode(code ?? undefined);
    }
    if (adminChanged) {
      await changeAdministrator(deps.metadata.accounts, { ...admin, at: deps.now() });
    }
    return reply.send({
      message: 'security settings saved',
      userPasswordChanged: userChanged,
      adminPasswordChanged: adminChanged,
      fixed,
    });
  },
});

interface AdminSent {
  readonly name: string;
  readonly password: string;
}

/** Undefined keeps the code, null removes it. */
function readCode(body: object): string | null | undefined {
  if (valueAt(body, ['auth', 'user', '_clear']) === true) {
    return null;
  }
  const code = valueAt(body, ['auth', 'user', 'authCode']) ?? '';
  if (code === '') {
    return undefined;
  }
  if (typeof code !== 'string' || code.length < minCodeLength || !/^[\x20-\x7e]+$/.test(code)) {
    throw failed(badCode);
  }
  return code;
}

function readAdmin(body: object): AdminSent {
  const name = valueAt(body, ['auth', 'admin', 'adminUsername']) ?? '';
  const password = valueAt(body, ['auth', 'admin', 'adminPassword']) ?? '';
  const isName =
    typeof name === 'string' &&
    name.length <= maxNameLength &&
    (name === '' || cleanText(name) === name.normalize('NFC'));
  if (!isName) {
    throw failed(badName);
  }
  const isPassword =
    password === '' ||
    (typeof password === 'string' &&
      password.length >= minPasswordLength &&
      Buffer.byteLength(password) <= maxPasswordBytes);
  if (!isPassword) {
    throw failed(badPassword);
  }
  return { name, password: password as string };
}

/** Pages send the name back as it is. */
async function changesAdmin({ name, password }: AdminSent, { metadata }: HttpDeps) {
  const administrator = await findAdministrator(metadata.accounts);
  if (password === '') {
    return administrator.hasPassword && name !== '' && name !== administrator.name;
  }
  if (name === '' && administrator.name === '') {
    throw failed(badName);
  }
  return true;
}

/** An administrator may do everything: a caller with less must not become one. */
function requireEverything({ permissions }: Caller): void {
  const lacking = allPermissions.find((permission) => !permissions.has(permission));
  if (lacking !== undefined) {
    throw fail('insufficient_scope', { details: { required: lacking } });
  }
}
