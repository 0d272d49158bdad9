import { GatewayError } from '@sallyport/chassis/errors';
import type { Released } from '@sallyport/proto/policy/v1/policy_pb';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import type { JsonValue } from '@sallyport/turn/canonical-json';
import { joinAll, type Label, label } from '@sallyport/turn/label';
import type { CallBatch, Settled } from '../approvals/deciding.ts';
import type { Digests } from '../approvals/digests.ts';
import type { ResultDecision, ResultFields } from '../evaluate-result.ts';
import { readLabel } from '../labels.ts';
import { isDerived } from '../rules/provenance.ts';
import type { KnownTool } from '../rules/tool.ts';
import { readJson } from '../rules/values.ts';
import { namesInResult, type ObjectId, objectsInArguments, objectsInResult } from './objects.ts';
import type { LabelledDigest, UntrustedStore } from './store.ts';

/** Remembers what untrusted content left behind, and takes trust away where it comes back. */
export interface Written {
  /** Labels the objects of releases; of runs that belong to somebody else (`refused`) nothing. Durable when it resolves. */
  remember(released: readonly Released[], refused: readonly string[]): Promise<void>;
  /** Labels the objects into which calls that were let go write untrusted content. */
  labelCalls(batch: CallBatch, settled: readonly Settled[]): Promise<void>;
  /** A result about an object that untrusted content was written into is trusted in nothing. */
  distrust(request: ResultFields & { readonly trajectory: string }, decided: ResultDecision): Promise<ResultDecision>;
}

/** Makes the memory of what was written. */
export function createWritten(store: UntrustedStore, digests: Digests): Written {
  const ofObject = (tenant: string, serverUid: string, { kind, id }: ObjectId) =>
    digests('object', [tenant, serverUid, kind, id]);
  const ofCall = (principal: Principal, trajectory: string, tool: KnownTool, name: string, args: JsonValue) => {
    const { tenant, id, user } = principal;
    return digests('writing call', [tenant, id, user, trajectory, tool.serverUid, name, args]);
  };

  return {
    async remember(released, refused) {
      const kept = released.filter((one) => one.objects.length > 0 && !refused.includes(one.trajectory));
      for (const [tenant, releases] of Map.groupBy(kept, (one) => one.tenant)) {
        const objects = releases.flatMap((one) => one.objects);
        const labelled = objects.flatMap((one): LabelledDigest[] => {
          const of = readLabel(one.label);
          if (of.integrity === 'trusted') return [];
          return [{ digest: ofObject(tenant, one.serverUid, one)[0], label: forEverybody(of) }];
        });
        await store.labelObjects(tenant, labelled);
      }
    },
    async labelCalls(batch, settled) {
      const { principal, trajectory } = batch;
      const objects: LabelledDigest[] = [];
      const calls: LabelledDigest[] = [];
      settled.forEach(({ decision, tool, args, provenance }, index) => {
        const released = decision.enforced === 'allow' || decision.enforced === 'quarantine';
        if (!released || tool === undefined || args === undefined || tool.objects.length === 0) return;
        if (tool.toolClass === 'read') return;
        const untrusted = (provenance?.leaves([]) ?? []).filter(isDerived);
        if (untrusted.length === 0) return;
        const of = forEverybody(joinAll(untrusted.map((leaf) => leaf.label)));
        const found = objectsInArguments(tool, args);
        if (found === undefined)
          throw new GatewayError('invalid_request', 'A call writes into too many objects at once.');
        for (const one of found) {
          objects.push({ digest: ofObject(principal.tenant, tool.serverUid, one)[0], label: of });
        }
        const name = batch.calls[index]?.tool?.name ?? '';
        if (namesInResult(tool)) calls.push({ digest: ofCall(principal, trajectory, tool, name, args)[0], label: of });
      });
      await store.labelObjects(principal.tenant, objects);
      await store.labelCalls(principal.tenant, calls);
    },
    async distrust(request, decided) {
      const { tool } = decided;
      if (tool === undefined || tool.objects.length === 0) return decided;
      const { principal, trajectory } = request;
      const { tenant } = principal;
      const args = request.argumentsJson === '' ? {} : readJson(request.argumentsJson);
      const result = request.resultJson === '' ? null : readJson(request.resultJson);
      const named = args === undefined ? undefined : objectsInArguments(tool, args);
      const told = result === undefined ? undefined : objectsInResult(tool, result);
      // What cannot be read, or names more than can be told apart, may be about anything.
      if (named === undefined || told === undefined || args === undefined) {
        return withoutTrust(decided, tool, label('untrusted', ['unknown object']));
      }
      const objects = [...named, ...told].flatMap((one) => ofObject(tenant, tool.serverUid, one));
      const writes = tool.toolClass !== 'read' && namesInResult(tool);
      const calls = writes ? ofCall(principal, trajectory, tool, request.tool?.name ?? '', args) : [];
      const found = await store.labels(tenant, objects, calls);
      if (found.size === 0) return decided;
      const of = joinAll(found.values());
      if (calls.some((digest) => found.has(digest))) {
        await store.labelObjects(
          tenant,
          told.map((one) => ({ digest: ofObject(tenant, tool.serverUid, one)[0], label: of })),
        );
      }
      return withoutTrust(decided, tool, of);
    },
  };
}

// Who may read an object is a matter of its server; what stays with it is that it is not trusted.
function forEverybody(of: Label): Label {
  return label(of.integrity, of.sources);
}

function withoutTrust(decided: ResultDecision, tool: KnownTool, of: Label): ResultDecision {
  const { quarantine, label: before } = decided;
  const joined = joinAll([before, of]);
  if (quarantine === undefined) return { ...decided, label: joined };
  // What names an object was not written into it: its server gives the id, whatever the object holds.
  const names = new Set(tool.objects.map((object) => object.result));
  // A string that is not trusted is a handle, which needs no word.
  const fields = quarantine.fields
    .filter((field) => field.type !== 'String' || names.has(field.path))
    .map((field) => (names.has(field.path) ? field : { ...field, trusted: false }));
  return { ...decided, label: joined, quarantine: { ...quarantine, fields } };
}
