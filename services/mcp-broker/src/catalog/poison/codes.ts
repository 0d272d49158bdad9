import { DETECTORS } from './look-through.ts';
import { BESIDE_OTHERS } from './other-servers.ts';

/** Codes of all that definitions are looked through for. */
export const SUSPICION_CODES: readonly string[] = [...DETECTORS.map(({ code }) => code), ...BESIDE_OTHERS];
