/** Fields of an item that are stored and returned, and have no other effect. */
export interface ItemDetails {
  tags: readonly string[];
  /** Only for folders, like all fields below. */
  sync_state: string;
  can_non_owners_invite: boolean;
  can_non_owners_view_collaborators: boolean;
  is_collaboration_restricted_to_enterprise: boolean;
}

const DEFAULT_DETAILS: ItemDetails = {
  tags: [],
  sync_state: 'not_synced',
  can_non_owners_invite: false,
  can_non_owners_view_collaborators: false,
  is_collaboration_restricted_to_enterprise: false,
};

const NAMES = Object.keys(DEFAULT_DETAILS) as (keyof ItemDetails)[];

type DetailsInput = { [Name in keyof ItemDetails]?: ItemDetails[Name] | null | undefined };

/** Picks the details from a validated body. Fields that are missing or null are left out. */
export function pickDetails(body: DetailsInput): Partial<ItemDetails> {
  return Object.fromEntries(NAMES.flatMap((name) => (body[name] == null ? [] : [[name, body[name]]])));
}

/** Applies changes to the details in an item's column. Returns JSON, or an empty string if all details are defaults. */
export function withDetails(column: string, change: Partial<ItemDetails>): string {
  const all = { ...parseDetails(column), ...change };
  const changed = NAMES.filter((name) => JSON.stringify(all[name]) !== JSON.stringify(DEFAULT_DETAILS[name]));
  return changed.length === 0 ? '' : JSON.stringify(Object.fromEntries(changed.map((name) => [name, all[name]])));
}

export function parseDetails(column: string): ItemDetails {
  return column === '' ? DEFAULT_DETAILS : { ...DEFAULT_DETAILS, ...(JSON.parse(column) as Partial<ItemDetails>) };
}
