/** Fields of a user that are stored and returned, and have no other effect. */
export interface UserDetails {
  language: string;
  timezone: string;
  job_title: string;
  phone: string;
  address: string;
  tracking_codes: readonly { type: 'tracking_code'; name: string; value: string }[];
  is_sync_enabled: boolean;
  can_see_managed_users: boolean;
  is_external_collab_restricted: boolean;
  is_exempt_from_device_limits: boolean;
  is_exempt_from_login_verification: boolean;
  /** Whether the user was created for apps only. It does not prevent logins: a user who gets a password can log in. */
  is_platform_access_only: boolean;
}

const DEFAULT_DETAILS: UserDetails = {
  language: 'en',
  timezone: 'UTC',
  job_title: '',
  phone: '',
  address: '',
  tracking_codes: [],
  is_sync_enabled: false,
  can_see_managed_users: false,
  is_external_collab_restricted: false,
  is_exempt_from_device_limits: false,
  is_exempt_from_login_verification: false,
  is_platform_access_only: true,
};

const NAMES = Object.keys(DEFAULT_DETAILS) as (keyof UserDetails)[];

type DetailsInput = { [Name in keyof Omit<UserDetails, 'tracking_codes'>]?: UserDetails[Name] | null | undefined } & {
  tracking_codes?: readonly { name: string; value: string }[] | null | undefined;
};

/** Picks the details from a validated body. Fields that are missing or null are left out. */
export function pickUserDetails(body: DetailsInput): Partial<UserDetails> {
  const { tracking_codes: codes } = body;
  return {
    ...Object.fromEntries(NAMES.flatMap((name) => (body[name] == null ? [] : [[name, body[name]]]))),
    ...(codes != null && {
      tracking_codes: codes.map(({ name, value }) => ({ type: 'tracking_code' as const, name, value })),
    }),
  };
}

/** Applies changes to the details in a user's column. Returns JSON, or an empty string if none were ever set. */
export function withUserDetails(column: string, change: Partial<UserDetails>): string {
  const details = { ...(column === '' ? {} : (JSON.parse(column) as Partial<UserDetails>)), ...change };
  return Object.keys(details).length === 0 ? '' : JSON.stringify(details);
}

export function parseUserDetails(column: string): UserDetails {
  return column === '' ? DEFAULT_DETAILS : { ...DEFAULT_DETAILS, ...(JSON.parse(column) as Partial<UserDetails>) };
}
