import { type SelectModifierNode, SqliteQueryCompiler } from 'kysely';

const ROW_LOCKS: ReadonlySet<string | undefined> = new Set(['ForUpdate', 'ForNoKeyUpdate', 'ForShare', 'ForKeyShare']);

/** Leaves out the row locks that PostgreSQL needs. SQLite has one writer at a time, who holds every row. */
export class LocklessCompiler extends SqliteQueryCompiler {
  protected override visitSelectModifier(node: SelectModifierNode): void {
    if (!ROW_LOCKS.has(node.modifier)) super.visitSelectModifier(node);
  }
}
