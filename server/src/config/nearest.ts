/**
 * ` Did you mean "port"?` when one of the names is close to what was written, otherwise nothing.
 */
export function didYouMean(written: string, names: readonly string[]): string {
  const wanted = simple(written);
  const [best] = names
    .map((name) => ({ name, distance: editDistance(wanted, simple(name)) }))
    .filter(({ name, distance }) => distance <= Math.min(3, Math.ceil(name.length / 2)))
    .sort((a, b) => a.distance - b.distance);
  return best === undefined ? '' : ` Did you mean "${best.name}"?`;
}

function simple(name: string): string {
  return name.toLowerCase().replace(/[_-]/g, '').slice(0, 100);
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (const [index, letter] of [...a].entries()) {
    const next = [index + 1];
    for (let column = 0; column < b.length; column++) {
      const change = (row[column] ?? 0) + (letter === b[column] ? 0 : 1);
      next.push(Math.min(change, (row[column + 1] ?? 0) + 1, (next[column] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
