/** From the peers' names to ours. */

/** `tree_size` → `treeSize`. Names that begin with a capital (classes, `PRNGKey`) and all-capitals (`ONE_HOT`) stay. */
export function camelCase(name: string): string {
  if (/^[A-Z]/.test(name) || name.startsWith('__')) return name;
  return name.replace(/(?<=[^_])_+([A-Za-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}
