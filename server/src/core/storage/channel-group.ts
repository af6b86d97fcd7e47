/** The channels that callers choose among under one name. Drivers bring this data. */
export interface ChannelGroup {
  /** Value of `uploadChannel`. */
  readonly name: string;
  /**
   * Value of `Channel` in file metadata of the Upload API, such as `TelegramNew` or `CloudflareR2`.
   */
  readonly label: string;
  /**
   * Place in the default order of fallbacks, lowest first (Upload API 1.8). A group that has one is
   * known to callers even while no channel of it is configured.
   */
  readonly fallbackRank?: number;
  /** Files go there when neither the caller nor the owner chooses (Upload API 1.2). */
  readonly isDefault?: true;
  /** Name of the group that this one replaces while no channel of that group is configured. */
  readonly standsInFor?: string;
  /** Its channels take chunked uploads (Upload API 2). */
  readonly takesChunks?: true;
}

/** Names of the ranked groups, in the order to fall back. */
export function defaultFallbackOrder(groups: readonly ChannelGroup[]): readonly string[] {
  const rank = ({ fallbackRank = Number.POSITIVE_INFINITY }: ChannelGroup): number => fallbackRank;
  return groups
    .filter(({ fallbackRank }) => fallbackRank !== undefined)
    .toSorted((a, b) => rank(a) - rank(b))
    .map(({ name }) => name);
}
