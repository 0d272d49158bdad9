import { concealment } from './concealment.ts';
import { type DefinitionParts, definitionTexts } from './definition-texts.ts';
import type { Detector, Suspicion } from './detector.ts';
import { exfiltration } from './exfiltration.ts';
import { hiddenInstruction } from './instruction.ts';
import { invisibleCharacters } from './invisible.ts';
import { mixedScripts } from './mixed-script.ts';
import { precedence } from './precedence.ts';

/** What each definition is looked through for. A detector is a file of its own and a line here. */
export const DETECTORS: readonly Detector[] = [
  invisibleCharacters,
  hiddenInstruction,
  concealment,
  precedence,
  exfiltration,
  mixedScripts,
];

const CERTAIN = new Set(DETECTORS.filter(({ certain }) => certain).map(({ code }) => code));
const MAX_PLACES = 3;
const MAX_AT = 200;
const MAX_KEPT = 20_000;
/** By digest: servers are listed every minute, and say the same. */
const kept = new Map<string, readonly Suspicion[]>();

/** What is suspicious in a definition, the first few places of each kind. The digest is that of the definition. */
export function lookThrough(parts: DefinitionParts & { readonly digest: string }): readonly Suspicion[] {
  const { digest, ...definition } = parts;
  const known = kept.get(digest);
  if (known !== undefined) return known;
  const texts = definitionTexts(definition);
  const found = DETECTORS.flatMap((detector) => {
    const places = texts.filter((text) => detector.finds(text)).slice(0, MAX_PLACES);
    return places.map(({ at }) => ({ code: detector.code, at: shown(at) }));
  });
  if (kept.size >= MAX_KEPT) kept.delete(kept.keys().next().value as string);
  kept.set(digest, found);
  return found;
}

/** Tells whether something found is certain: what has it is held until a reviewer names its digest. */
export function isCertain({ code }: Suspicion): boolean {
  return CERTAIN.has(code);
}

// Names of members are the server's, and may be what is suspicious.
function shown(at: string): string {
  return at.replace(/[^\x21-\x7e]/g, '?').slice(0, MAX_AT);
}
