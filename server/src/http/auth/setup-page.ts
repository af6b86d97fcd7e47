import { hash } from 'node:crypto';
import { minPasswordLength } from '../../core/access/passwords.ts';

/**
 * The secret stands behind `#` in the address, which browsers do not send, so that no log has it.
 * Addresses are relative, for servers below a path.
 */
const script = `
const form = document.forms[0], state = document.querySelector('output');
const secret = location.hash.slice(1);
history.replaceState(null, '', location.pathname);
form.onsubmit = async (event) => {
  event.preventDefault();
  state.value = '';
  const { username, password } = Object.fromEntries(new FormData(form));
  try {
    const response = await fetch('api/auth/setup', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ secret, username, password }),
    });
    const { error } = await response.json();
    if (response.ok) form.hidden = true;
    state.value = response.ok ? 'The password is set, and you are signed in.' : error;
  } catch {
    state.value = 'The server cannot be reached. Try again.';
  }
};
`;

/** Content-Security-Policy of the page: its own script, and calls to this server. */
export const setupPolicy = [
  "default-src 'none'",
  `script-src 'sha256-${hash('sha256', script, 'base64')}'`,
  "style-src 'unsafe-inline'",
  'img-src data:',
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** The page at the link that a start without a password prints. */
export const setupPage = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Set a password - Stowage</title>
    <link rel="icon" href="data:,">
    <style>
      :root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif }
      body { max-width: 22rem; margin: 15vh auto; padding: 0 1rem }
      h1 { font-size: 1.3rem }
      form:not([hidden]) { display: grid; gap: 1rem }
      label { display: grid; gap: 0.25rem }
      input, button { font: inherit; padding: 0.5rem }
    </style>
  </head>
  <body>
    <h1>Set the administrator's password</h1>
    <noscript>This page needs JavaScript. Without it: <code>stowage admin set-password</code></noscript>
    <form method="post">
      <label>Name <input name="username" value="admin" autocomplete="username" required maxlength="100"></label>
      <label>Password <input name="password" type="password" autocomplete="new-password" required minlength="${minPasswordLength}"></label>
      <button>Set password</button>
    </form>
    <p><output role="status"></output></p>
    <script>${script}</script>
  </body>
</html>
`;
