/** Writes the ids of calls as the API takes them. Keep one for each request. */
export type CallIds = (id: string) => string;

/** An id that the API would refuse stands as another, the same for a call and its result. */
export function createCallIds(): CallIds {
  const given = new Map<string, string>();
  return (id) => {
    if (/^[A-Za-z0-9_-]{1,64}$/.test(id)) return id;
    const known = given.get(id) ?? `sallyport_call_${given.size + 1}`;
    given.set(id, known);
    return known;
  };
}
