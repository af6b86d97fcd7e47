/** An error for the operator: what happened, with the cause in brackets when it adds something. */
export function explainError(error: unknown): string {
  if (!(error instanceof Error)) {
    return String(error);
  }
  const reason = reasonOf(error.cause);
  return reason === '' || error.message.includes(reason)
    ? error.message
    : `${error.message} (${reason})`;
}

/**
 * A connection tried at several addresses fails with a list of errors and no message of its own.
 */
function reasonOf(cause: unknown): string {
  if (cause instanceof AggregateError && cause.message === '') {
    return [...new Set(cause.errors.map(reasonOf))].join(', ');
  }
  return cause instanceof Error ? cause.message : '';
}
