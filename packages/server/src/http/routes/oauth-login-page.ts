import { createHash } from 'node:crypto';
import type { FastifyReply } from 'fastify';
import { redirectSource } from '../../auth/apps/redirect-uri.ts';
import type { Permission, Scope } from '../../auth/scopes.ts';
import { permissionsFor } from '../../auth/scopes.ts';

const STYLE = `body{font:16px/1.5 system-ui,sans-serif;max-width:26rem;margin:10vh auto;padding:0 1rem;color:#222;background:#fff}
label{display:block;margin:1rem 0}input{display:block;width:100%;box-sizing:border-box;font:inherit;padding:.5rem}
button{font:inherit;padding:.5rem 1.5rem;margin-right:.5rem}.wrong{color:#a00}`;
const STYLE_SOURCE = `'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`;

const PERMISSION_TEXTS: Record<Permission, string> = {
  read: 'see your files and folders',
  download: 'download your files',
  upload: 'add files and folders',
  replace: 'add versions to your files',
  rename: 'rename files and folders',
  delete: 'delete files and folders',
  change: 'move, copy and restore files and folders',
};

interface LoginPage {
  appName: string;
  redirectUri: string;
  scopes: readonly Scope[] | undefined;
  ticket: string;
  login?: string;
  /** The error of the previous attempt. */
  error?: string;
}

/** Sends the page on which a user logs in and grants or denies access to an app. */
export function sendLoginPage(reply: FastifyReply, page: LoginPage): FastifyReply {
  const permissions = [...permissionsFor(page.scopes)].map((each) => `<li>${PERMISSION_TEXTS[each]}</li>`).join('');
  const error = page.error === undefined ? '' : `<p class="wrong" role="alert">${escapeHtml(page.error)}</p>`;
  return sendPage(
    reply,
    `<h1>${escapeHtml(page.appName)} would like to access your files</h1>
<p>If you allow this, the app can:</p><ul>${permissions}</ul>
<p>Log in to continue. You will then return to ${escapeHtml(redirectSource(page.redirectUri))}.</p>${error}
<form method="post">
<input type="hidden" name="ticket" value="${escapeHtml(page.ticket)}">
<label>Login<input name="login" value="${escapeHtml(page.login ?? '')}" autocomplete="username" maxlength="256"></label>
<label>Password<input name="password" type="password" autocomplete="current-password" maxlength="1024"></label>
<button name="decision" value="allow">Allow</button><button name="decision" value="deny">Deny</button>
</form>`,
    // Browsers also apply `form-action` to redirects after the form is submitted.
    `'self' ${redirectSource(page.redirectUri)}`,
  );
}

/** Sends an error page without a redirect, because the redirect URI cannot be trusted. */
export function sendErrorPage(reply: FastifyReply, message: string): FastifyReply {
  return sendPage(reply.code(400), `<h1>This login cannot continue</h1><p>${escapeHtml(message)}</p>`, "'none'");
}

function sendPage(reply: FastifyReply, body: string, formAction: string): FastifyReply {
  return reply
    .headers({
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': `default-src 'none'; style-src ${STYLE_SOURCE}; form-action ${formAction}; frame-ancestors 'none'; base-uri 'none'`,
      'x-frame-options': 'DENY',
      'x-content-type-options': 'nosniff',
      // Not "no-referrer", because the form would then be submitted with the origin "null".
      'referrer-policy': 'same-origin',
      'cache-control': 'no-store',
    })
    .send(`<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Partway</title>
<meta name="viewport" content="width=device-width"><style>${STYLE}</style></head><body>${body}</body></html>`);
}

function escapeHtml(text: string): string {
  const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
  return text.replace(/[&<>"']/g, (char) => entities[char] ?? '');
}
