export function wordsIn(texts: string[]): Set<string>;
export function prune(source: string, words: Set<string>): string;
