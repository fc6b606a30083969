/**
 * Words and idioms that documentation and sources avoid, each with what to write instead. A pattern is matched within one
 * paragraph, heading or table cell; code in backticks is never matched.
 */
export interface Avoided {
  pattern: RegExp;
  instead: string;
}

const ARCHAIC: readonly Avoided[] = [
  { pattern: /\banew\b/gi, instead: '"again" or "from scratch"' },
  { pattern: /\bwho(?:m|so)?ever\b/gi, instead: 'the noun, such as "any client"' },
  { pattern: /\b(?:hitherto|hereby|herein|thereof|therein|thereby|thereupon|therefrom)\b/gi, instead: 'plain words' },
  {
    pattern: /\b(?:whereupon|wherein|whereby|whereof|hence|henceforth|thence|whence|hither|thither)\b/gi,
    instead: 'plain words',
  },
  { pattern: /\b(?:lest|albeit|amongst|whilst|ere|nought|naught|upon)\b/gi, instead: 'plain words' },
  { pattern: /\bneed not\b/gi, instead: '"does not need to" or "do not have to"' },
  { pattern: /\bno more(?=\s*(?:[.,;:!?)]|$))/gi, instead: '"no longer"' },
  { pattern: /\bfor ever\b/gi, instead: '"forever"' },
  { pattern: /\bas ever\b/gi, instead: '"as usual"' },
  { pattern: /\bto the letter\b/gi, instead: '"exactly"' },
];

const TRANSLATED: readonly Avoided[] = [
  { pattern: /\bby commas\b/gi, instead: '"comma-separated"' },
  { pattern: /\bof another maker\b/gi, instead: '"S3-compatible" or the vendor' },
  { pattern: /\b(?:goes|go|going|went|gone) on\b/gi, instead: '"resumes", "continues" or "happens"' },
  { pattern: /\bunder way\b/gi, instead: '"in progress"' },
  { pattern: /\b(?:lies?|lay|lain) (?:in|on|at|below|there|under|here)\b/gi, instead: '"is" or "is stored"' },
  { pattern: /\bpass(?:es|ed|ing)? over\b(?! by\b)/gi, instead: '"skip"' },
  { pattern: /\bunless set\b/gi, instead: '"by default"' },
  { pattern: /\b(?:unset|undefined|null|none|empty) where\b/gi, instead: '"if" or "when"' },
  {
    pattern:
      /\bwhere (?:it|they|there|this|that|nothing|none|nobody) (?:is|are|was|were) (?:not?|none|one|set|unset|empty|missing|given|needed|possible|allowed|there|nothing)\b/gi,
    instead: '"if" or "when"',
  },
  { pattern: /(?<=^|[.;:!]\s+)Where\s[^.?!]*,\s/g, instead: '"if" or "when"' },
  {
    pattern: /(?<=^|[.;:!]\s+)Who(?:ever)?\s[^.?!]*\.(?=\s|$)/g,
    instead: 'a noun as the subject, such as "clients that …"',
  },
  { pattern: /(?<=^|[.;:!]\s+)What\s[^.?!]*\.(?=\s|$)/g, instead: 'a noun as the subject' },
  { pattern: /\bwhat is what\b/gi, instead: 'the noun' },
  { pattern: /\bin whatever\b/gi, instead: '"in any" or "regardless of"' },
  { pattern: /\bby whom\b/gi, instead: 'an active sentence' },
  { pattern: /\bat hand\b/gi, instead: '"locally" or "available"' },
  { pattern: /\bis (?:said|told) (?:to be|so)\b/gi, instead: 'the fact itself' },
];

/** Private words of earlier texts. The glossary has the terms that replace them. */
const PRIVATE: readonly Avoided[] = [
  { pattern: /(?<!mark-and-)\bsweep(?:s|ing|er)?\b/gi, instead: '"garbage collection" or "background jobs"' },
  { pattern: /\bswept\b/gi, instead: '"garbage-collected" or "removed"' },
  { pattern: /\bchores?\b/gi, instead: '"background job"' },
  { pattern: /\bledgers?\b/gi, instead: '"part registry"' },
  { pattern: /\bfollowers?\b/gi, instead: '"whole-file hasher"' },
  { pattern: /\bnudg(?:e|es|ed|ing)\b/gi, instead: '"notify"' },
  { pattern: /\bbells?\b/gi, instead: '"notification"' },
  { pattern: /\bthe edge\b/gi, instead: '"the HTTP layer"' },
  { pattern: /\bseams?\b/gi, instead: '"interface"' },
  { pattern: /\brooms\b|\bthis room\b/gi, instead: '"module" or "space"' },
  { pattern: /\bslots?\b/gi, instead: '"part" or "part range"' },
  { pattern: /\bgrids?\b/gi, instead: '"part layout"' },
  { pattern: /\breceipts?\b/gi, instead: '"part tag" or "ETag"' },
  {
    pattern: /\b(?:a|each|every|one|no|another) content\b(?!-|\s+(?:type|policy|length|security))/gi,
    instead: '"blob"',
  },
  { pattern: /\bdigests? of the whole\b(?! file)/gi, instead: '"whole-file hash"' },
  { pattern: /\bdigest(?:'s)? marks?\b|\bmarks? of the digest\b/gi, instead: '"hash checkpoint"' },
  {
    pattern:
      /\bproven\b|\bprov(?:e|es|ed|ing) (?:a|an|the|each|every|its|their)? ?(?:parts?|bytes|body|bodies|digests?)\b/gi,
    instead: '"verify"',
  },
  { pattern: /\bmend(?:s|ed|ing|able)?\b/gi, instead: '"repair" or "fix"' },
  { pattern: /\btroubles?\b/gi, instead: '"error" or "problem"' },
  { pattern: /\bpatience\b/gi, instead: '"timeout" or "retry time"' },
  { pattern: /\brefusals?\b/gi, instead: '"error" or "error response"' },
  { pattern: /\bat the wire\b|\bthe wire's\b/gi, instead: '"in the API"' },
];

const WORDY: readonly Avoided[] = [
  { pattern: /\bin order to\b/gi, instead: '"to"' },
  { pattern: /\bdue to the fact that\b/gi, instead: '"because"' },
  { pattern: /\bin the event that\b/gi, instead: '"if"' },
  { pattern: /\bprior to\b/gi, instead: '"before"' },
  { pattern: /\bsubsequent(?:ly)?\b/gi, instead: '"later" or "after"' },
  { pattern: /\butili[sz](?:e|es|ed|ing|ation)\b/gi, instead: '"use"' },
  { pattern: /\b(?:is|are) able to\b/gi, instead: '"can"' },
  { pattern: /\bthe fact that\b/gi, instead: '"that"' },
  { pattern: /\be\.\s?g\.|\bi\.\s?e\./gi, instead: '"for example" or "that is"' },
  // Not `--name NAME` of a command line, nor the two `end` of a shell script.
  { pattern: /(?<!-)\b([a-z]+)\s+\1\b(?<!\b(?:that|had|end)\s+\1)/gi, instead: 'the word once' },
];

/** American spelling. */
const SPELLING: readonly Avoided[] = [
  { pattern: /\b(?:behaviour|colour|favour|honour|neighbour|rumour)(?:s|ed|ing|ite)?\b/gi, instead: '"-or"' },
  { pattern: /\blicence\b/gi, instead: '"license"' },
  {
    pattern: /\b(?:organis|recognis|optimis|initialis|normalis|serialis|synchronis|minimis)(?:e|es|ed|ing|ation)\b/gi,
    instead: '"-ize"',
  },
  { pattern: /\b(?:cancell|travell|labell|modell)(?:ed|ing)\b/gi, instead: 'a single "l"' },
  { pattern: /\b(?:centre|metre|grey|cheque|programme|catalogue|dialogue)s?\b/gi, instead: 'the American spelling' },
  { pattern: /\be-mails?\b/gi, instead: '"email"' },
];

/** All of them. A space in a pattern stands for any white space, since lines may break there. */
export const VOCABULARY: readonly Avoided[] = [...ARCHAIC, ...TRANSLATED, ...PRIVATE, ...WORDY, ...SPELLING].map(
  ({ pattern, instead }) => ({ pattern: new RegExp(pattern.source.replaceAll(' ', '\\s+'), pattern.flags), instead }),
);
