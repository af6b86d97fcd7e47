import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Stowage } from './harness.ts';
import { eventually } from './requests.ts';

export const adminPassword = 'correct horse battery staple';
export const uploadCode = 'upload-code-of-the-test';

/** What a server needs so that people can sign in. */
export const peopleEnv = {
  STOWAGE_ADMIN_PASSWORD: adminPassword,
  STOWAGE_AUTH_CODE: uploadCode,
};

/** A request as a browser without a token sends it. */
export function visit(
  stowage: Stowage,
  path: string,
  { headers = {}, ...init }: RequestInit & { headers?: Record<string, string> } = {},
): Promise<Response> {
  return stowage.fetch(path, { ...init, headers: { authorization: '', ...headers } });
}

export function postJson(
  stowage: Stowage,
  path: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Response> {
  return visit(stowage, path, { method: 'POST', body: JSON.stringify(body), headers });
}

export function adminLogin(stowage: Stowage, password = adminPassword, username = 'admin') {
  return postJson(stowage, '/api/auth/adminLogin', { username, password });
}

export function login(stowage: Stowage, authCode = uploadCode) {
  return postJson(stowage, '/api/auth/login', { authCode });
}

/** The header by which a browser sends back what it was given. */
export function cookieOf(response: Response): { readonly cookie: string } {
  const [set = ''] = response.headers.getSetCookie();
  return { cookie: set.split(';', 1)[0] ?? '' };
}

export async function adminCookie(stowage: Stowage): Promise<{ readonly cookie: string }> {
  return cookieOf(await adminLogin(stowage));
}

export async function userCookie(stowage: Stowage): Promise<{ readonly cookie: string }> {
  return cookieOf(await login(stowage));
}

/** The link of the first visit; it is written once the server is ready. */
export async function setupLink({ dataDir }: Stowage): Promise<string> {
  let link = '';
  await eventually(async () => {
    link = (await readFile(join(dataDir, 'setup-link'), 'utf8')).trim();
  });
  return link;
}
