import type { Target } from '../catalog.ts';
import type { Dialect } from '../chat/message.ts';

/** The target in the client's own dialect, where its provider speaks that as well: least is changed on the way. */
export function spokenTarget(target: Target, dialect: Dialect): Target {
  const { provider } = target;
  const { also, wire } = provider.declaration;
  if (also === undefined || wire === dialect) return target;
  const declaration = also.find((one) => one.wire === dialect);
  return declaration === undefined ? target : { ...target, provider: { ...provider, declaration } };
}
