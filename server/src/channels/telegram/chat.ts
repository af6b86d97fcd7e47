/**
 * The chat that files are sent to. A group that becomes a supergroup gets another number, which
 * Telegram names in its refusals from then on. Files that were sent before keep the old number in
 * their refs: a message id means another message under the new one.
 */
export interface Chat {
  /** Number or `@name` that the next message goes to. */
  id(): string;
  /** Takes the new number when `from` is the current one. */
  moved(from: string, to: string): void;
  /** What the owner should change in the settings. */
  notice(): string | undefined;
}

export function createChat(configured: string): Chat {
  let current = configured;
  return {
    id: () => current,
    moved: (from, to) => {
      if (from === current) {
        current = to;
      }
    },
    notice: () =>
      current === configured
        ? undefined
        : `Telegram: the group ${configured} became a supergroup; files go to ${current}. Set chatId to that number.`,
  };
}
