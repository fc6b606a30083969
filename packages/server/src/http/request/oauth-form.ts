import { isUtf8 } from 'node:buffer';
import { isStorableText, NOT_STORABLE } from '@partway/protocol/text';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ClientSecret } from '../../auth/apps/get-client.ts';
import { GrantError } from '../../auth/grants/errors.ts';
import { ApiError } from '../api-error.ts';
import { getContentType } from './content-type.ts';
import { decodeText, parseForm } from './decode-text.ts';

/** Forms are small; an assertion is the largest thing in one. */
export const FORM_BODY_LIMIT = 32 * 1024;

/** Bodies are forms, whatever type they declare; `getForm` reads them. Call in a scope of its own. */
export function parseForms(scope: FastifyInstance): void {
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser('*', { parseAs: 'buffer' }, async (_request: FastifyRequest, bytes: Buffer) => bytes);
}

/** The fields of a form, in UTF-8, or in the charset that it declares if its bytes are not percent-encoded. */
export function getForm(request: FastifyRequest): URLSearchParams {
  const bytes = request.body instanceof Uint8Array ? request.body : new Uint8Array();
  try {
    return parseForm(decodeText(bytes, getContentType(request.raw).parameters.charset, 'The form'), 'The form');
  } catch (error) {
    if (error instanceof ApiError) throw new GrantError('invalid_request', error.message);
    throw error;
  }
}

/** A field, once; undefined where it is empty or left out, which is the same (RFC 6749, section 3.1). */
export function optionalField(form: URLSearchParams, field: string): string | undefined {
  const values = form.getAll(field);
  if (values.length > 1) throw new GrantError('invalid_request', `The form has ${field} more than once.`);
  const [value] = values;
  if (value !== undefined) checkStorable(field, value);
  return value === '' ? undefined : value;
}

export function requiredField(form: URLSearchParams, field: string): string {
  const value = optionalField(form, field);
  if (value === undefined) throw new GrantError('invalid_request', `The form lacks ${field}.`);
  return value;
}

/** Id and secret of the app: in the form, or by HTTP Basic authentication (RFC 6749, section 2.3.1). */
export function parseClient(request: FastifyRequest, form: URLSearchParams): ClientSecret {
  const basic = parseBasicAuth(request);
  if (basic !== undefined) return basic;
  return { clientId: requiredField(form, 'client_id'), clientSecret: requiredField(form, 'client_secret') };
}

/** The same, where it may be left out altogether. */
export function parseOptionalClient(request: FastifyRequest, form: URLSearchParams): ClientSecret | undefined {
  const named = optionalField(form, 'client_id') !== undefined || optionalField(form, 'client_secret') !== undefined;
  return named || parseBasicAuth(request) !== undefined ? parseClient(request, form) : undefined;
}

function parseBasicAuth({ headers }: FastifyRequest): ClientSecret | undefined {
  const [, encoded] = /^basic +([A-Za-z0-9+/=]+)$/i.exec((headers.authorization ?? '').trim()) ?? [];
  if (encoded === undefined) return undefined;
  const bytes = Buffer.from(encoded, 'base64');
  if (!isUtf8(bytes)) throw new GrantError('invalid_client', 'The Authorization header is not UTF-8, in base64.');
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

/** Both are form-encoded before they are joined. */
function decodeFormText(text: string): string {
  try {
    return parseForm(`text=${text.replaceAll('&', '%26')}`, 'The Authorization header').get('text') ?? '';
  } catch (error) {
    if (error instanceof ApiError) throw new GrantError('invalid_client', error.message);
    throw error;
  }
}
