import { isUtf8 } from 'node:buffer';
import { isStorableText, NOT_STORABLE } from '@partway/protocol/text';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ClientSecret } from '../../auth/apps/get-client.ts';
import { COMMAND_LINE_ID } from '../../auth/apps/public-client.ts';
import { GrantError } from '../../auth/grants/errors.ts';
import { ApiError } from '../api-error.ts';
import { getContentType } from './content-type.ts';
import { decodeText, parseForm } from './decode-text.ts';

/** Forms are small. The largest field is an assertion. */
export const FORM_BODY_LIMIT = 32 * 1024;

/** Accepts bodies of any type, which `getForm` then parses as forms. Call it in a separate scope. */
export function parseForms(scope: FastifyInstance): void {
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser('*', { parseAs: 'buffer' }, async (_request: FastifyRequest, bytes: Buffer) => bytes);
}

/** Parses the form in the body. Bytes that are not percent-encoded are decoded with the declared charset. */
export function getForm(request: FastifyRequest): URLSearchParams {
  const bytes = request.body instanceof Uint8Array ? request.body : new Uint8Array();
  try {
    return parseForm(decodeText(bytes, getContentType(request.raw).parameters.charset, 'The form'), 'The form');
  } catch (error) {
    if (error instanceof ApiError) throw new GrantError('invalid_request', error.message);
    throw error;
  }
}

/** Gets a field. Returns undefined if it is missing or empty, which is the same (RFC 6749, section 3.1). */
export function optionalField(form: URLSearchParams, field: string): string | undefined {
  const values = form.getAll(field);
  if (values.length > 1) throw new GrantError('invalid_request', `The form contains ${field} more than once.`);
  const [value] = values;
  if (value !== undefined) checkStorable(field, value);
  return value === '' ? undefined : value;
}

export function requiredField(form: URLSearchParams, field: string): string {
  const value = optionalField(form, field);
  if (value === undefined) throw new GrantError('invalid_request', `The form is missing ${field}.`);
  return value;
}

/**
 * Parses the app's credentials, from the form or from HTTP Basic authentication (RFC 6749, section 2.3.1). With
 * `orPublic`, the public client can omit the secret, which it does not have.
 */
export function parseClient(request: FastifyRequest, form: URLSearchParams, { orPublic = false } = {}): ClientSecret {
  const basic = parseBasicAuth(request);
  if (basic !== undefined) return basic;
  const clientId = requiredField(form, 'client_id');
  const canOmitSecret = orPublic && clientId === COMMAND_LINE_ID;
  return { clientId, clientSecret: (canOmitSecret ? optionalField : requiredField)(form, 'client_secret') };
}

/** Same, for optional credentials. */
export function parseOptionalClient(request: FastifyRequest, form: URLSearchParams): ClientSecret | undefined {
  const isInForm = optionalField(form, 'client_id') !== undefined || optionalField(form, 'client_secret') !== undefined;
  return isInForm || parseBasicAuth(request) !== undefined ? parseClient(request, form) : undefined;
}

function parseBasicAuth({ headers }: FastifyRequest): ClientSecret | undefined {
  const [, encoded] = /^basic +([A-Za-z0-9+/=]+)$/i.exec((headers.authorization ?? '').trim()) ?? [];
  if (encoded === undefined) return undefined;
  const bytes = Buffer.from(encoded, 'base64');
  if (!isUtf8(bytes))
    throw new GrantError('invalid_client', 'The credentials in the Authorization header must be UTF-8 in base64.');
  const text = bytes.toString('utf8');
  const colon = text.indexOf(':');
  if (colon < 0) return undefined;
  const clientId = decodeFormText(text.slice(0, colon));
  checkStorable('client_id', clientId);
  return { clientId, clientSecret: decodeFormText(text.slice(colon + 1)) };
}

function checkStorable(field: string, value: string): void {
  if (!isStorableText(value)) throw new GrantError('invalid_request', `${field} ${NOT_STORABLE}.`);
}

/** The ID and the secret are form-encoded before they are joined. */
function decodeFormText(text: string): string {
  try {
    return parseForm(`text=${text.replaceAll('&', '%26')}`, 'The Authorization header').get('text') ?? '';
  } catch (error) {
    if (error instanceof ApiError) throw new GrantError('invalid_client', error.message);
    throw error;
  }
}
