/**
 * What a token may do. Every route of the API needs one of these.
 * - `read`: see files and folders, but not what is in a file
 * - `download`: what is in a file
 * - `upload`: add files and the folders they come in
 * - `replace`: add a version to a file, which may bring a new name
 * - `rename`: another name or description
 * - `delete`: to the trash, and out of it for good
 * - `change`: everything else that changes something: move, copy, restore, lock
 */
export type Permission = 'read' | 'download' | 'upload' | 'replace' | 'rename' | 'delete' | 'change';

/**
 * Box's scopes, as far as they mean something here; those that give nothing are taken so that clients may ask. Box's
 * older SDKs ask for `item_readwrite` (boxsdk 3) and `item_content_upload` (Java), which its documentation does not name.
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

/** Every scope that may be asked for. */
export const SCOPE_NAMES: readonly string[] = Object.keys(PERMISSIONS);

/** Scopes in a text with spaces between: those that are known, each once, and those that are not. */
export function parseScopes(text: string): { known: Scope[]; unknown: string[] } {
  const names = [...new Set(text.split(/\s+/).filter((name) => name !== ''))];
  return { known: names.filter(isScope), unknown: names.filter((name) => !isScope(name)) };
}

/** What these scopes allow together. Without any scopes a token is whole: it may do everything its user may. */
export function permissionsFor(scopes: readonly Scope[] | undefined): ReadonlySet<Permission> {
  return new Set((scopes ?? ['root_readwrite' as const]).flatMap((scope) => PERMISSIONS[scope]));
}

/** The form in which rows keep scopes. */
export function scopesToRow(scopes: readonly Scope[] | undefined): string | null {
  return scopes === undefined ? null : scopes.join(' ');
}

/** A scope that this build does not know gives nothing. */
export function scopesFromRow(text: string | null): readonly Scope[] | undefined {
  return text === null ? undefined : parseScopes(text).known;
}

function isScope(name: string): name is Scope {
  return Object.hasOwn(PERMISSIONS, name);
}
