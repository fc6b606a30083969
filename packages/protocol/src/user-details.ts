/** What is said of a user that is stored and shown, and changes nothing else. */
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
  /** Whether only apps were meant to act for the user. Whoever has a password since can log in all the same. */
  is_platform_access_only: boolean;
}

/** How a user is of whom nothing was said. */
const NOTHING_SAID: UserDetails = {
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

const NAMES = Object.keys(NOTHING_SAID) as (keyof UserDetails)[];

type Said = { [Name in keyof Omit<UserDetails, 'tracking_codes'>]?: UserDetails[Name] | null | undefined } & {
  tracking_codes?: readonly { name: string; value: string }[] | null | undefined;
};

/** The details in a body that its schema has checked; what is left out or null says nothing. */
export function pickUserDetails(body: Said): Partial<UserDetails> {
  const { tracking_codes: codes } = body;
  return {
    ...Object.fromEntries(NAMES.flatMap((name) => (body[name] == null ? [] : [[name, body[name]]]))),
    ...(codes != null && {
      tracking_codes: codes.map(({ name, value }) => ({ type: 'tracking_code' as const, name, value })),
    }),
  };
}

/** The column of a user with these changes to the details: JSON, or nothing while nothing was said. */
export function withUserDetails(column: string, change: Partial<UserDetails>): string {
  const said = { ...(column === '' ? {} : (JSON.parse(column) as Partial<UserDetails>)), ...change };
  return Object.keys(said).length === 0 ? '' : JSON.stringify(said);
}

export function parseUserDetails(column: string): UserDetails {
  return column === '' ? NOTHING_SAID : { ...NOTHING_SAID, ...(JSON.parse(column) as Partial<UserDetails>) };
}
