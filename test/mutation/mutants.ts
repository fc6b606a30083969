import { stripTypeScriptTypes } from 'node:module';
import { type AnyNode, parse } from 'acorn';
import { ancestor } from 'acorn-walk';

/** One small change of a source file that a test should detect. */
export interface Mutant {
  /** The path of the source file, relative to the root of the project. */
  file: string;
  /** Counted from 1. */
  line: number;
  /** The start and end of the changed text in the file. */
  start: number;
  end: number;
  /** A position that runs whenever the changed code does: the second operand of `??` runs less often than the operator. */
  runs: number;
  original: string;
  replacement: string;
}

const COMPARISONS: Record<string, string[]> = {
  '<': ['<=', '>='],
  '<=': ['<', '>'],
  '>': ['>=', '<='],
  '>=': ['>', '<'],
  '===': ['!=='],
  '!==': ['==='],
  '+': ['-'],
  '-': ['+'],
  '*': ['/'],
  '/': ['*'],
  '%': ['*'],
};
const LOGICAL: Record<string, string[]> = { '&&': ['||'], '||': ['&&'], '??': ['&&'] };

/**
 * All mutants of a file: comparisons and arithmetic reversed, conditions negated, flags and small numbers changed,
 * calls, throws and early returns removed. Messages, types and imports are unchanged.
 */
export function createMutants(file: string, source: string): Mutant[] {
  // Types become spaces, so that positions are those of the source.
  const tree = parse(stripTypeScriptTypes(source), { ecmaVersion: 'latest', sourceType: 'module' });
  const mutants: Mutant[] = [];

  function add(start: number, end: number, replacement: string, runs = start): void {
    const original = source.slice(start, end);
    const line = source.slice(0, start).split('\n').length;
    if (original !== replacement) mutants.push({ file, line, start, end, runs, original, replacement });
  }
  function operator({ left, right, operator: sign }: Infix, others: readonly string[] = []): void {
    const start = source.indexOf(sign, left.end);
    if (start < 0 || start >= right.start) return;
    for (const other of others) add(start, start + sign.length, other, left.start);
  }

  ancestor(tree, {
    BinaryExpression: (node, _state, above) => {
      // A plus next to a string concatenates, and replacing it with a minus is no realistic mistake.
      if (!joinsText(node) && !above.some(isMessage)) operator(node as Infix, COMPARISONS[node.operator]);
    },
    LogicalExpression: (node, _state, above) => {
      if (!above.some(isMessage)) operator(node as Infix, LOGICAL[node.operator]);
    },
    IfStatement: ({ test }) => add(test.start, test.end, `!(${source.slice(test.start, test.end)})`),
    ConditionalExpression: ({ test }, _state, above) => {
      if (!above.some(isMessage)) add(test.start, test.end, `!(${source.slice(test.start, test.end)})`);
    },
    UnaryExpression: ({ operator: sign, start, argument }) => {
      if (sign === '!') add(start, argument.start, '');
    },
    Literal: ({ value, start, end }, _state, above) => {
      if (above.some(isMessage)) return;
      if (typeof value === 'boolean') add(start, end, String(!value));
      // Adding one to a thousand is no visible mistake.
      if (typeof value === 'number' && value <= 1_000) add(start, end, String(value < 100 ? value + 1 : value * 2));
    },
    ExpressionStatement: ({ expression, start, end }) => {
      const call = expression.type === 'AwaitExpression' ? expression.argument : expression;
      if (call.type === 'CallExpression' || call.type === 'AssignmentExpression') add(start, end, ';');
    },
    ThrowStatement: ({ start, end }) => add(start, end, ';'),
    ReturnStatement: ({ start, end, argument }, _state, above) => {
      if (argument == null && above.some(({ type }) => type === 'IfStatement')) add(start, end, ';');
    },
    ContinueStatement: ({ start, end }) => add(start, end, ';'),
  });
  return mutants;
}

/** The source of a file with this change. */
export function applyMutant(source: string, { start, end, replacement }: Mutant): string {
  return source.slice(0, start) + replacement + source.slice(end);
}

interface Infix {
  left: { start: number; end: number };
  right: { start: number };
  operator: string;
}

function joinsText(node: AnyNode): boolean {
  if (node.type === 'TemplateLiteral') return true;
  if (node.type === 'Literal') return typeof node.value === 'string';
  return node.type === 'BinaryExpression' && node.operator === '+' && (joinsText(node.left) || joinsText(node.right));
}

/** A message's wording and values are for people; tests only check that there is one. */
function isMessage(node: AnyNode): boolean {
  if (node.type === 'TemplateLiteral') return true;
  return node.type === 'NewExpression' && node.callee.type === 'Identifier' && /Refusal|Error$/.test(node.callee.name);
}
