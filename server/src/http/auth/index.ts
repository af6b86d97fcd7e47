import type { Api } from '../api.ts';
import { byToken } from '../authenticate.ts';
import { adminLogin } from './admin-login.ts';
import { authDialect } from './errors.ts';
import { getSetupPage } from './get-setup-page.ts';
import { login } from './login.ts';
import { logout } from './logout.ts';
import { resetAuth } from './reset-auth.ts';
import { sessionCheck } from './session-check.ts';
import { setUp } from './set-up.ts';

/** Sign-in of people in browsers (Upload API 4.9). */
export const authApi: Api = {
  prefixes: ['/api/auth'],
  dialect: authDialect,
  headers: { 'cache-control': 'private, no-store, max-age=0' },
  credentials: 'token',
  authenticate: byToken,
  failures: ['internal_error', 'service_unavailable'],
  routes: [login, adminLogin, logout, sessionCheck, resetAuth, setUp, getSetupPage],
};
