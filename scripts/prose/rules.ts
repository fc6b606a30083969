import type { TextlintKernelOptions } from '@textlint/kernel';
import { blockText, type ProseNode } from './block-text.ts';
import { type Avoided, VOCABULARY } from './vocabulary.ts';

type KernelRule = NonNullable<TextlintKernelOptions['rules']>[number];
type RuleModule = KernelRule['rule'];

const MAX_SENTENCE_WORDS = 45;

export interface Finding {
  start: number;
  end: number;
  message: string;
}

/** Rules for textlint, in the order in which they report. */
export const RULES: KernelRule[] = [
  { ruleId: 'vocabulary', rule: blockRule((text) => findAvoided(text)) },
  { ruleId: 'sentence-length', rule: blockRule((text) => findLongSentences(text)) },
];

export function findAvoided(text: string, vocabulary: readonly Avoided[] = VOCABULARY): Finding[] {
  return vocabulary.flatMap(({ pattern, instead }) =>
    Array.from(text.matchAll(pattern), ({ 0: match, index }) => ({
      start: index,
      end: index + match.length,
      message: `"${shorten(match)}": write ${instead} instead.`,
    })),
  );
}

export function findLongSentences(text: string, maxWords = MAX_SENTENCE_WORDS): Finding[] {
  return Array.from(text.matchAll(/\S(?:[^.!?:]|[.!?:](?!\s|$))*/g)).flatMap(({ 0: sentence, index }) => {
    const words = sentence.split(/\s+/).filter((word) => /[\p{L}\p{N}`]/u.test(word)).length;
    if (words <= maxWords) return [];
    return [
      {
        start: index,
        end: index + sentence.length,
        message: `A sentence of ${words} words: split it. The maximum is ${maxWords}.`,
      },
    ];
  });
}

/** A rule that looks at each paragraph, heading and table cell by itself. */
function blockRule(find: (text: string) => Finding[]): RuleModule {
  return (context) => {
    const { Syntax, RuleError, report, getSource, locator } = context;
    function check(node: Parameters<typeof getSource>[0] & object): void {
      const text = blockText(node as unknown as ProseNode, getSource(node));
      for (const { start, end, message } of find(text)) {
        report(node, new RuleError(message, { padding: locator.range([start, end]) }));
      }
    }
    return { [Syntax.Paragraph]: check, [Syntax.Header]: check, [Syntax.TableCell]: check };
  };
}

function shorten(text: string): string {
  const words = text.replaceAll(/\s+/g, ' ').trim();
  return words.length <= 60 ? words : `${words.slice(0, 57)}…`;
}
