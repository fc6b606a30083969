/**
 * Every refusal of the API has one of these codes, and each code one status (wire: "Errors"). A code that is not in
 * this table does not compile.
 */
const STATUS_OF = {
  bad_request: 400,
  bad_digest: 400,
  digest_mismatch: 400,
  parts_mismatch: 400,
  invalid_upload_session_id: 400,
  missing_destination: 400,
  invalid_folder_id: 400,
  missing_file_name: 400,
  item_name_invalid: 400,
  item_name_too_long: 400,
  missing_file_size: 400,
  invalid_file_size: 400,
  file_size_too_small: 400,
  metadata_after_file_contents: 400,
  folder_not_empty: 400,
  cyclical_folder_structure: 400,
  invalid_limit: 400,
  invalid_offset: 400,
  invalid_api_version: 400,
  unauthorized: 401,
  forbidden: 403,
  insufficient_scope: 403,
  access_denied_insufficient_permissions: 403,
  access_denied_item_locked: 403,
  operation_limit_exceeded: 403,
  storage_limit_exceeded: 403,
  file_size_limit_exceeded: 403,
  cors_origin_not_whitelisted: 403,
  not_found: 404,
  trashed: 404,
  not_trashed: 404,
  upload_session_not_found: 404,
  invalid_parameter: 404,
  method_not_allowed: 405,
  request_timeout: 408,
  item_name_in_use: 409,
  range_overlaps_existing_part: 409,
  name_temporarily_reserved: 409,
  operation_blocked_temporary: 409,
  conflict: 409,
  user_login_already_used: 409,
  session_expired: 410,
  upload_failed: 410,
  precondition_failed: 412,
  request_entity_too_large: 413,
  unsupported_media_type: 415,
  range_not_satisfiable: 416,
  expectation_failed: 417,
  rate_limit_exceeded: 429,
  request_header_fields_too_large: 431,
  internal_server_error: 500,
  bad_gateway: 502,
  unavailable: 503,
  insufficient_storage: 507,
} as const;

export type RefusalCode = keyof typeof STATUS_OF;

/** What a refusal may carry besides its code and its sentence. */
interface RefusalDetail {
  /** Goes into the answer as `context_info`. */
  context?: Record<string, unknown>;
  /** Goes into the answer as `Retry-After`, in seconds. */
  retryAfterSeconds?: number;
  /** Why, for the log only. */
  cause?: unknown;
}

/** The one way to say no: a code of the table, and a sentence that says what happened and what to do. */
export class Refusal extends Error {
  readonly code: RefusalCode;
  readonly context: Record<string, unknown> | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(code: RefusalCode, message: string, detail: RefusalDetail = {}) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.name = 'Refusal';
    this.code = code;
    this.context = detail.context;
    this.retryAfterSeconds = detail.retryAfterSeconds;
  }

  get status(): number {
    return STATUS_OF[this.code];
  }
}
