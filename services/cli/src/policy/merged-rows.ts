/** How rows of a table are taken apart and put together again. */
export interface RowForm<R> {
  /** For each column the values that the row stands for. */
  cells(row: R): readonly (readonly string[])[];
  /** Rows of another outcome are never one. */
  outcome(row: R): string;
  /** The row of these cells with the outcome of another. */
  row(cells: readonly (readonly string[])[], like: R): R;
}

/**
 * Joins rows of the same outcome that differ in one column only, column by column until nothing more can be joined. The
 * order of what is left is that of the first row of each.
 */
export function merged<R>(rows: readonly R[], form: RowForm<R>): R[] {
  let current = rows.map((row) => ({ cells: form.cells(row), row }));
  for (;;) {
    const before = current.length;
    for (let column = 0; column < (current[0]?.cells.length ?? 0); column++) {
      const groups = new Map<string, { cells: readonly (readonly string[])[]; row: R }>();
      for (const one of current) {
        const others = one.cells.map((cell, at) => (at === column ? '' : cell.join(',')));
        const key = JSON.stringify([form.outcome(one.row), others]);
        const known = groups.get(key);
        const cells =
          known === undefined
            ? one.cells
            : known.cells.map((cell, at) => (at === column ? [...cell, ...(one.cells[at] ?? [])] : cell));
        groups.set(key, { cells, row: known?.row ?? one.row });
      }
      current = [...groups.values()];
    }
    if (current.length === before) return current.map(({ cells, row }) => form.row(cells, row));
  }
}
