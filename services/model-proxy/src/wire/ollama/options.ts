import { asObject } from '../../chat/json.ts';
import type { JsonObject } from '../../chat/message.ts';
import type { ChatRequest, Sampling } from '../../chat/request.ts';
import type { Notes } from '../losses.ts';

const numbers = {
  maxTokens: 'num_predict',
  temperature: 'temperature',
  topP: 'top_p',
  topK: 'top_k',
  frequencyPenalty: 'frequency_penalty',
  presencePenalty: 'presence_penalty',
  seed: 'seed',
} as const satisfies Partial<Record<keyof Sampling, string>>;

/** Options without a word in other dialects that a client may say: of sampling, and of how much is read. */
export const OPTION_FIELDS: readonly string[] = [
  'num_ctx',
  'num_keep',
  'min_p',
  'typical_p',
  'tfs_z',
  'repeat_last_n',
  'repeat_penalty',
  'mirostat',
  'mirostat_eta',
  'mirostat_tau',
  'penalize_newline',
];

const own: ReadonlySet<string> = new Set(OPTION_FIELDS);
/** Those that each say what the neutral model has a word for. */
const neutral: ReadonlySet<string> = new Set([...Object.values(numbers), 'stop']);

/**
 * Writes `options`: sampling, and what the client says in this API's own words, beside its other fields or in `options` among
 * them. How the server uses its machine (`num_gpu`, `num_thread` and the like) is not for clients to say.
 */
export function encodeOptions({ sampling, stop, extra }: ChatRequest, { unsupported }: Notes): JsonObject {
  const options: JsonObject = {};
  for (const fields of Object.values(extra ?? {})) {
    for (const name of OPTION_FIELDS) if (fields[name] !== undefined) options[name] = fields[name];
    for (const [name, value] of Object.entries(asObject(fields.options) ?? {})) {
      if (own.has(name) || neutral.has(name)) options[name] = value;
      else unsupported.push({ field: `options.${name}`, reason: 'is for the server to say' });
    }
  }
  for (const [name, field] of Object.entries(numbers) as [keyof typeof numbers, string][]) {
    if (sampling[name] !== undefined) options[field] = sampling[name];
  }
  if (stop !== undefined && stop.length > 0) options.stop = stop;
  return options;
}
