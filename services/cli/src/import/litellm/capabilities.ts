import type { Settings } from '../settings.ts';

const ABLE = {
  supports_function_calling: 'tools',
  supports_parallel_function_calling: 'parallelTools',
  supports_tool_choice: 'toolChoice',
  supports_response_schema: 'jsonSchema',
  supports_reasoning: 'reasoning',
  supports_prompt_caching: 'promptCache',
  supports_native_streaming: 'streaming',
} as const;

/** `capabilities` of a target, of what `model_info` says; undefined where it says nothing. */
export function capabilitiesOf(info: Settings): Readonly<Record<string, unknown>> | undefined {
  const known: Record<string, unknown> = {};
  const context = info.number('max_input_tokens');
  const output = info.number('max_output_tokens') ?? info.number('max_tokens');
  if (context !== undefined && context >= 1) known.contextTokens = Math.floor(context);
  if (output !== undefined && output >= 1) known.maxOutputTokens = Math.floor(output);
  for (const [name, field] of Object.entries(ABLE)) {
    const able = info.flag(name);
    if (able !== undefined) known[field] = able;
  }
  // What it takes beside text is unknown, which is not refused, unless it is said to take none.
  if (info.flag('supports_vision') === false) known.input = ['Text'];
  return Object.keys(known).length === 0 ? undefined : known;
}
