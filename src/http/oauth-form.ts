import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ClientSecret } from '../access/find-client.ts';
import { GrantError } from '../access/grant-error.ts';

/** Forms are small; an assertion is the largest thing in one. */
export const FORM_BODY_LIMIT = 32 * 1024;

/** Bodies are forms, whatever their content type says. Call in a scope of its own. */
export function takeForms(scope: FastifyInstance): void {
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser('*', { parseAs: 'string' }, (_request, text, done) =>
    done(null, new URLSearchParams(text as string)),
  );
}

export function formOf(request: FastifyRequest): URLSearchParams {
  return request.body instanceof URLSearchParams ? request.body : new URLSearchParams();
}

/** A field, once; undefined where it is empty or left out, which is the same (RFC 6749, section 3.1). */
export function optional(form: URLSearchParams, field: string): string | undefined {
  const values = form.getAll(field);
  if (values.length > 1) throw new GrantError('invalid_request', `The form has ${field} more than once.`);
  return values[0] === '' ? undefined : values[0];
}

export function needed(form: URLSearchParams, field: string): string {
  const value = optional(form, field);
  if (value === undefined) throw new GrantError('invalid_request', `The form lacks ${field}.`);
  return value;
}

/** Id and secret of the app: in the form, or by HTTP Basic authentication (RFC 6749, section 2.3.1). */
export function clientOf(request: FastifyRequest, form: URLSearchParams): ClientSecret {
  const basic = basicOf(request);
  if (basic !== undefined) return basic;
  return { clientId: needed(form, 'client_id'), clientSecret: needed(form, 'client_secret') };
}

/** The same, where it may be left out altogether. */
export function optionalClientOf(request: FastifyRequest, form: URLSearchParams): ClientSecret | undefined {
  const named = optional(form, 'client_id') !== undefined || optional(form, 'client_secret') !== undefined;
  return named || basicOf(request) !== undefined ? clientOf(request, form) : undefined;
}

function basicOf({ headers }: FastifyRequest): ClientSecret | undefined {
  const [, encoded] = /^basic +([A-Za-z0-9+/=]+)$/i.exec((headers.authorization ?? '').trim()) ?? [];
  if (encoded === undefined) return undefined;
  const [, id, secret] = /^([^:]*):(.*)$/s.exec(Buffer.from(encoded, 'base64').toString('utf8')) ?? [];
  if (id === undefined || secret === undefined) return undefined;
  return { clientId: formDecoded(id), clientSecret: formDecoded(secret) };
}

/** Both are form-encoded before they are joined. */
function formDecoded(text: string): string {
  return new URLSearchParams(`text=${text.replaceAll('&', '%26')}`).get('text') ?? '';
}
