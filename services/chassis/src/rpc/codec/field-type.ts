import { type DescField, ScalarType } from '@bufbuild/protobuf';

/** The wire type of what stands behind its length. */
export const LENGTH_DELIMITED = 2;
const VARINT = 0;
const FIXED_64 = 1;
/** What protobuf-es calls the presence of a field whose zero is as good as nothing. */
const IMPLICIT = 2;

/** The type of a field's values, or of those of its list or map, where they are no messages. An enum is an int32. */
export function scalarOf(field: DescField): ScalarType | undefined {
  return field.message === undefined ? (field.scalar ?? ScalarType.INT32) : undefined;
}

/** How values of a type are written; messages, which have no scalar type, behind their length. */
export function wireTypeOf(scalar: ScalarType | undefined): number {
  if (scalar === undefined || scalar === ScalarType.STRING || scalar === ScalarType.BYTES) return LENGTH_DELIMITED;
  return scalar === ScalarType.DOUBLE ? FIXED_64 : VARINT;
}

/** What stands before a value: the number of its field and the wire type. */
export function tagOf(number: number, wireType: number): number {
  return ((number << 3) | wireType) >>> 0;
}

/** Whether a message always has the field: lists, maps, and those whose zero is as good as nothing. */
export function isAlways(field: DescField): boolean {
  return field.fieldKind === 'list' || field.fieldKind === 'map' || field.presence === IMPLICIT;
}
