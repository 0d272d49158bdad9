/** A JSON object of SCIM. Its attribute names are compared without regard to case (RFC 7643 section 2.1). */
export type Json = Record<string, unknown>;

/** Tells an object from lists, null and plain values. */
export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The name under which an object has an attribute, whatever its case; undefined: not at all. */
export function keyOf(object: Json, name: string): string | undefined {
  if (Object.hasOwn(object, name)) return name;
  const wanted = name.toLowerCase();
  return Object.keys(object).find((key) => key.toLowerCase() === wanted);
}

/** An attribute of an object; undefined where it has none. */
export function memberOf(object: Json, name: string): unknown {
  const key = keyOf(object, name);
  return key === undefined ? undefined : object[key];
}
