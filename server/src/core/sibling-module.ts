/**
 * Address of a module beside the caller (`import.meta.url`) for a thread or a process of its own:
 * `.ts` in a checkout, `.js` once it is built.
 */
export function siblingModule(from: string, name: string): URL {
  return new URL(`./${name}${from.endsWith('.ts') ? '.ts' : '.js'}`, from);
}
