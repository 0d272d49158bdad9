import type { CacheMark, Dialect, Extra, JsonObject } from './message.ts';

/** A function that the client (or the gateway, for brokered tools) runs; `parameters` is a JSON Schema. */
export interface FunctionTool {
  type: 'function';
  name: string;
  description?: string;
  parameters?: JsonObject;
  strict?: boolean;
  cache?: CacheMark;
  extra?: Extra;
}

/** A client-run tool that takes free text, as OpenAI's `custom`; `format` is its grammar. */
export interface CustomTool {
  type: 'custom';
  name: string;
  description?: string;
  format?: JsonObject;
  extra?: Extra;
}

/** Which tools of a server: by name, or by being read-only. */
export interface ToolNameFilter {
  toolNames?: string[];
  readOnly?: boolean;
}

/** When a call of a server's tool waits for a person. */
export type RequireApproval = 'always' | 'never' | { always?: ToolNameFilter; never?: ToolNameFilter };

/**
 * A set of tools behind MCP that the gateway runs, named by `serverLabel`. With `serverUrl` or `connectorId` the client
 * asks for a remote server of its own choosing. `definition` is the tool as the client wrote it.
 */
export interface McpTool {
  type: 'mcp';
  serverLabel: string;
  serverUrl?: string;
  connectorId?: string;
  allowedTools?: ToolNameFilter;
  requireApproval?: RequireApproval;
  definition: JsonObject;
}

/**
 * A tool that the provider defines, kept unread. `kind` is its type, version included (`web_search_20250305`);
 * `runBy` says who executes it, `provider` where that is not known to be the client. `field` is the request field it
 * came from where that is not `tools`.
 */
export interface ProviderTool {
  type: 'provider';
  dialect: Dialect;
  kind: string;
  name?: string;
  runBy: 'provider' | 'client';
  field?: string;
  definition: JsonObject;
}

/** A tool as declared in a request. */
export type Tool = FunctionTool | CustomTool | McpTool | ProviderTool;

/** Whether, and which, tools the model must call. */
export type ToolChoice =
  | { type: 'auto' }
  | { type: 'none' }
  | { type: 'required' }
  | { type: 'tool'; name: string }
  | { type: 'allowed'; mode: 'auto' | 'required'; names: string[] };
