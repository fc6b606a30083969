type GrantErrorCode =
  | 'invalid_client'
  | 'invalid_grant'
  | 'invalid_request'
  | 'invalid_resource'
  | 'invalid_scope'
  | 'unsupported_grant_type';

/**
 * An OAuth 2.0 error (RFC 6749, section 5.2). Not a `DomainError`, because its codes and its response are different.
 */
export class GrantError extends Error {
  readonly error: GrantErrorCode;

  constructor(error: GrantErrorCode, message: string) {
    super(message);
    this.error = error;
  }
}

export function inactiveUserError(): GrantError {
  return new GrantError('invalid_grant', 'The user is inactive. An administrator can activate them again.');
}
