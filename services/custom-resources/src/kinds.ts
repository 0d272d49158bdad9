import type { z } from 'zod';
import { accessPolicy } from './access-policy.ts';
import { client } from './client.ts';
import { identityProvider } from './identity-provider.ts';
import { limit } from './limit.ts';
import { model } from './model.ts';
import { modelProvider } from './model-provider.ts';
import { team } from './team.ts';
import { toolPolicy } from './tool-policy.ts';
import { toolServer } from './tool-server.ts';
import { toolset } from './toolset.ts';
import { virtualKey } from './virtual-key.ts';

/** Every kind by its name. */
export const kinds = {
  ModelProvider: modelProvider,
  Model: model,
  ToolServer: toolServer,
  Toolset: toolset,
  AccessPolicy: accessPolicy,
  ToolPolicy: toolPolicy,
  Limit: limit,
  IdentityProvider: identityProvider,
  Client: client,
  Team: team,
  VirtualKey: virtualKey,
} as const;

/** Name of a kind. */
export type Kind = keyof typeof kinds;

/** Spec of a kind with defaults filled in. */
export type SpecOf<K extends Kind> = z.output<(typeof kinds)[K]['spec']>;

/** Status of a kind. */
export type StatusOf<K extends Kind> = z.output<(typeof kinds)[K]['status']>;

/** The names of all kinds, providers before what refers to them. */
export const kindNames = Object.keys(kinds) as Kind[];

/** Tells whether a word names a kind. */
export function isKind(word: unknown): word is Kind {
  return typeof word === 'string' && Object.hasOwn(kinds, word);
}
