type GrantErrorCode =
  | 'invalid_client'
  | 'invalid_grant'
  | 'invalid_request'
  | 'invalid_resource'
  | 'invalid_scope'
  | 'unsupported_grant_type';

/** An OAuth 2.0 error (RFC 6749, section 5.2): its own names and its own body, so not a `DomainError`. */
export class GrantError extends Error {
  readonly error: GrantErrorCode;

  constructor(error: GrantErrorCode, message: string) {
    super(message);
    this.error = error;
  }
}

/** The refusal of a grant for a user whom an administrator has shut out. */
export function inactiveUser(): GrantError {
  return new GrantError('invalid_grant', 'The user is inactive: an administrator has to make them active again');
}
