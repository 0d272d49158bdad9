/** Marks everything that belongs to hosted servers. */
export const HOSTED_LABEL = 'sallyport.dev/hosted';

/** UID of the ToolServer that a pod is of. */
export const UID_LABEL = 'sallyport.dev/tool-server-uid';

/** Hash that stands for the principal whose pod it is, where a server has one for each. */
export const PRINCIPAL_LABEL = 'sallyport.dev/principal';

/** Name of the objects of a hosted server. The chart's admission policies know its form. */
export function hostedName(uid: string): string {
  return `sallyport-mcp-${uid}`;
}

/** Name of the pod of one principal. */
export function podOfPrincipal(uid: string, principal: string): string {
  return `${hostedName(uid)}-p${principal}`;
}
