export const tagActions = ['set', 'add', 'remove'] as const;
export type TagAction = (typeof tagActions)[number];

const isTag = /^[\w\-\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]{1,100}$/;

/** What a request for tags asks, or the body that refuses it (Upload API 4.5). */
export type TagChange =
  | { readonly action: TagAction; readonly tags: readonly string[] }
  | { readonly refusal: object };

export function readTagChange(body: Readonly<Record<string, unknown>>): TagChange {
  const { tags } = body;
  const action = tagActions.find((each) => each === (body.action ?? 'set'));
  if (action === undefined) {
    return refused('Invalid action', `Action must be one of: ${tagActions.join(', ')}`);
  }
  if (!Array.isArray(tags) || tags.some((tag) => typeof tag !== 'string')) {
    return refused('Invalid tags format', 'Tags must be an array of strings');
  }
  const lower = [...new Set((tags as string[]).map((tag) => tag.trim().toLowerCase()))];
  const invalidTags = lower.filter((tag) => !isTag.test(tag));
  if (invalidTags.length > 0) {
    const message = 'A tag has letters, digits, _ and -, at most 100.';
    return { refusal: { error: 'Invalid tag format', message, invalidTags } };
  }
  return { action, tags: lower };
}

function refused(error: string, message: string): TagChange {
  return { refusal: { error, message } };
}

export function changedTags(
  present: readonly string[],
  { action, tags }: { readonly action: TagAction; readonly tags: readonly string[] },
): readonly string[] {
  const changed = {
    set: () => tags,
    add: () => [...new Set([...present, ...tags])],
    remove: () => present.filter((tag) => !tags.includes(tag)),
  };
  return changed[action]();
}
