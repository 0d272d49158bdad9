import type { Component } from '@sallyport/chassis/process';
import type { ClusterIdentity, ConfigMap, Kind, Secret, SecretKeyRef } from '@sallyport/custom-resources';
import type { Entry, Status } from '../entry.ts';

/** What became different: a resource (also: went away), or a Secret or ConfigMap that something refers to. */
export type Change =
  | { readonly of: 'resource'; readonly kind: Kind; readonly tenant: string; readonly name: string }
  | { readonly of: 'configMap'; readonly tenant: string; readonly name: string }
  | { readonly of: 'secret'; readonly tenant: string; readonly name: string };

/** Something worth telling about a resource, once, at a transition. */
export type Occurrence = {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly note: string;
};

/** What remains known of a resource that is gone. */
export type Departed = { readonly kind: Kind; readonly tenant: string; readonly name: string; readonly uid: string };

/** The read side of a source; what pure checks look at. */
export interface View {
  list<K extends Kind>(kind: K, tenant?: string): Entry<K>[];
  get<K extends Kind>(kind: K, tenant: string, name: string): Entry<K> | undefined;
}

/** State of the place that a generated value goes to. `foreign`: something else put a value there. */
export type TargetState = 'absent' | 'present' | 'foreign';

/** Where resources come from and where their status goes: a folder or a cluster. */
export interface Source extends View, Component {
  /** True once everything that was there at the start has been read. */
  synced(): boolean;
  /** Calls back after each change, and once for each resource as it is first seen. */
  onChange(listener: (change: Change) => void): void;
  /** A Secret by name. Asking for one also begins to watch it. Rejects when it cannot be known whether there is one. */
  secret(tenant: string, name: string): Promise<Secret | undefined>;
  /** A ConfigMap that a resource refers to, as it is known now; undefined: there is none, or it is not known yet. */
  configMap(tenant: string, name: string): ConfigMap | undefined;
  /** Stops watching Secrets that are not among these (`tenant/name`). */
  retainSecrets(wanted: ReadonlySet<string>): void;
  /** Replaces the status of a resource. Does nothing when the resource is gone. */
  writeStatus(entry: Entry, status: Status): Promise<void>;
  /** Whether a generated value of this resource stands where it should. */
  target(entry: Entry, ref: SecretKeyRef): Promise<TargetState>;
  /** Puts a generated value where the resource says; it goes when the resource goes. */
  writeTarget(entry: Entry, ref: SecretKeyRef, value: string): Promise<void>;
  /** Tells of something that happened to a resource. Never rejects. */
  emit(entry: Entry, occurrence: Occurrence): void;
  /** Resources that are gone and for which `forget` was not called, as far as the source remembers. */
  departed(): readonly Departed[];
  /** All that a gone resource had elsewhere is undone; takes away its generated value too. */
  forget(departed: Departed): Promise<void>;
  /** How the cluster signs tokens of service accounts; undefined without a cluster, or while it is not known yet. */
  cluster(): ClusterIdentity | undefined;
  /** Whether all resources of a tenant are in sight: of those of others nothing can be said to be gone. */
  covers(tenant: string): boolean;
}
