/**
 * A permission of a token. Every route of the API requires one.
 * - `read`: metadata of files and folders, but not the bytes of files
 * - `download`: the bytes of files
 * - `upload`: create files and folders
 * - `replace`: add a version to a file, which can also rename it
 * - `rename`: change names and descriptions
 * - `delete`: move to the trash, and delete permanently
 * - `change`: all other changes: move, copy, restore, lock
 */
export type Permission = 'read' | 'download' | 'upload' | 'replace' | 'rename' | 'delete' | 'change';

/**
 * The permissions of Box's scopes. Scopes for unsupported features have none; they are accepted because clients request
 * them. Box's documentation does not list `item_readwrite` (requested by boxsdk 3) and `item_content_upload` (Java).
 */
const PERMISSIONS = {
  root_readwrite: ['read', 'download', 'upload', 'replace', 'rename', 'delete', 'change'],
  root_readonly: ['read', 'download'],
  base_explorer: ['read'],
  base_picker: ['read'],
  base_preview: ['read'],
  base_upload: ['upload', 'replace'],
  base_sidebar: ['read'],
  item_read: ['read'],
  item_readwrite: ['read', 'download', 'upload', 'replace', 'rename', 'delete', 'change'],
  item_preview: ['read'],
  item_download: ['read', 'download'],
  item_upload: ['upload', 'replace'],
  item_content_upload: ['upload', 'replace'],
  item_rename: ['rename'],
  item_delete: ['delete'],
  item_share: [],
  item_execute_integration: [],
  annotation_edit: [],
  annotation_view_all: [],
  annotation_view_self: [],
} as const satisfies Record<string, readonly Permission[]>;

export type Scope = keyof typeof PERMISSIONS;

export const SCOPE_NAMES: readonly string[] = Object.keys(PERMISSIONS);

/** Parses space-separated scopes into known and unknown ones, without duplicates. */
export function parseScopes(text: string): { known: Scope[]; unknown: string[] } {
  const names = [...new Set(text.split(/\s+/).filter((name) => name !== ''))];
  return { known: names.filter(isScope), unknown: names.filter((name) => !isScope(name)) };
}

/** The permissions of these scopes together. A token without scopes has all permissions of its user. */
export function permissionsFor(scopes: readonly Scope[] | undefined): ReadonlySet<Permission> {
  return new Set((scopes ?? ['root_readwrite' as const]).flatMap((scope) => PERMISSIONS[scope]));
}

/** Renders scopes as database rows store them; null for a token without scopes. */
export function scopesToRow(scopes: readonly Scope[] | undefined): string | null {
  return scopes === undefined ? null : scopes.join(' ');
}

/** Parses scopes from a database row. Scopes that this version does not know are skipped. */
export function scopesFromRow(text: string | null): readonly Scope[] | undefined {
  return text === null ? undefined : parseScopes(text).known;
}

function isScope(name: string): name is Scope {
  return Object.hasOwn(PERMISSIONS, name);
}
