import type { Source } from './cited.ts';
import type { FinishReason } from './finish.ts';
import type { AssistantContent, Extra } from './message.ts';
import type { Usage } from './usage.ts';

/** A further answer where the caller asked for several (`n`). */
export interface Alternative {
  index: number;
  content: AssistantContent[];
  finish: FinishReason;
}

/** A whole answer, in no dialect. `usage` is absent where the provider sent none; `created` is in Unix seconds. */
export interface ChatResponse {
  id: string;
  model: string;
  created?: number;
  content: AssistantContent[];
  finish: FinishReason;
  usage?: Usage;
  /** The provider names sources of the web for what it says: it searched, whether it was known to or not. */
  cites?: true;
  /** Those sources, where they stand beside the content. */
  sources?: readonly Source[];
  alternatives?: Alternative[];
  extra?: Extra;
}
