import { GatewayError } from '@sallyport/chassis/errors';
import type { Target } from '../catalog.ts';
import type { OperationPaths, ProviderDeclaration } from '../providers/define-provider.ts';

/** Tells of a provider whether it serves an operation. */
export function servesAt(operation: keyof OperationPaths): (declaration: ProviderDeclaration) => boolean {
  return ({ paths }) => paths[operation] !== undefined;
}

/** Fields by which a client would choose for the gateway: they never go to this provider. */
export function withheldOf({ wire, quirks }: ProviderDeclaration): readonly string[] {
  return (wire === 'openai-chat' && quirks.differs?.withheld) || [];
}

/** All that is left out of what a client wrote: that, and what would tell the provider who asks. */
export function leftOutOf(declaration: ProviderDeclaration): readonly string[] {
  const { wire, quirks } = declaration;
  const attributing = (wire === 'openai-chat' && quirks.differs?.attributing) || [];
  return [...withheldOf(declaration), ...attributing];
}

/** The path of an operation at a target that serves it. A model's name cannot lead out of its place in it. */
export function operationPath({ provider, model }: Target, operation: keyof OperationPaths): string {
  const path = provider.declaration.paths[operation];
  if (path === undefined) {
    // A fallback may lead to a model that does not serve it.
    throw new GatewayError('unsupported', 'The model that would serve this request serves no such endpoint.', {
      status: 400,
      details: { param: 'model' },
    });
  }
  return path.includes('{model}') ? path.replace('{model}', () => encodeURIComponent(model)) : path;
}
