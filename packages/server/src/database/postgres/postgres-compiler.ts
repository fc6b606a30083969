import { ColumnDefinitionNode, type DataTypeNode, PostgresQueryCompiler } from 'kysely';

/**
 * Makes every text column one that is compared byte by byte, as SQLite compares: else the database's own language would
 * decide which of two names comes first, and a page would go on elsewhere than it ended.
 */
export class ByteOrderCompiler extends PostgresQueryCompiler {
  protected override visitDataType(node: DataTypeNode): void {
    super.visitDataType(node);
    const isColumn = this.parentNode !== undefined && ColumnDefinitionNode.is(this.parentNode);
    if (isColumn && node.dataType === 'text') this.append(' collate "C"');
  }
}
