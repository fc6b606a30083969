/** What is said of an item that is stored and shown, and changes nothing else. */
export interface ItemDetails {
  tags: readonly string[];
  /** Of folders alone, as the rest is. */
  sync_state: string;
  can_non_owners_invite: boolean;
  can_non_owners_view_collaborators: boolean;
  is_collaboration_restricted_to_enterprise: boolean;
}

/** How an item is of which nothing was said. */
const NOTHING_SAID: ItemDetails = {
  tags: [],
  sync_state: 'not_synced',
  can_non_owners_invite: false,
  can_non_owners_view_collaborators: false,
  is_collaboration_restricted_to_enterprise: false,
};

const NAMES = Object.keys(NOTHING_SAID) as (keyof ItemDetails)[];

type Said = { [Name in keyof ItemDetails]?: ItemDetails[Name] | null | undefined };

/** The details in a body that its schema has checked; what is left out or null says nothing. */
export function pickDetails(body: Said): Partial<ItemDetails> {
  return Object.fromEntries(NAMES.flatMap((name) => (body[name] == null ? [] : [[name, body[name]]])));
}

/** The column of an item with these changes to its details: JSON, or nothing while nothing was said. */
export function withDetails(column: string, change: Partial<ItemDetails>): string {
  const all = { ...parseDetails(column), ...change };
  const said = NAMES.filter((name) => JSON.stringify(all[name]) !== JSON.stringify(NOTHING_SAID[name]));
  return said.length === 0 ? '' : JSON.stringify(Object.fromEntries(said.map((name) => [name, all[name]])));
}

export function parseDetails(column: string): ItemDetails {
  return column === '' ? NOTHING_SAID : { ...NOTHING_SAID, ...(JSON.parse(column) as Partial<ItemDetails>) };
}
