/** The properties of a node in textlint's tree that are used here. */
export interface ProseNode {
  type: string;
  range: readonly [start: number, end: number];
  children?: readonly ProseNode[];
}

/**
 * The words of a paragraph, heading or table cell, as long as its source, so that positions are the same in both. Inline
 * code counts as one word and has no letters of its own; markup and link targets are blank.
 */
export function blockText(block: ProseNode, source: string): string {
  const [start, end] = block.range;
  const text = Array.from({ length: end - start }, () => ' ');
  for (const node of listLeaves(block)) {
    if (node.type !== 'Str' && node.type !== 'Code') continue;
    for (let at = node.range[0]; at < node.range[1]; at += 1) {
      text[at - start] = node.type === 'Str' ? (source[at - start] ?? ' ') : '`';
    }
  }
  return text.join('');
}

function listLeaves(node: ProseNode): ProseNode[] {
  return node.children === undefined ? [node] : node.children.flatMap(listLeaves);
}
