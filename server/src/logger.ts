import { type DestinationStream, type Logger, type LoggerOptions, pino } from 'pino';
import type { Config } from './config.ts';
import { stdoutDestination } from './log-destination.ts';

/** JSON lines on standard output (or readable text), with whatever might hold a secret redacted. */
export function createLogger(
  { level, format }: Config['log'],
  destination: DestinationStream = stdoutDestination(),
): Logger {
  const options: LoggerOptions = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }), log: withoutSecretFields },
    serializers: { err: describeError },
    hooks: format === 'text' ? { streamWrite: readable } : {},
  };
  return pino(options, destination);
}

const secretNames = new Set([
  'authorization',
  'token',
  'authcode',
  'password',
  'secret',
  'cookie',
  'headers',
]);
const depth = 3;

/**
 * The same object when there is nothing to hide, as in nearly every line: pino's own `redact` takes
 * longer than the rest of the line.
 */
function withoutSecretFields(fields: object, left = depth): Record<string, unknown> {
  let copy: Record<string, unknown> | undefined;
  for (const [name, value] of Object.entries(fields)) {
    const shown = secretNames.has(name.toLowerCase())
      ? '[redacted]'
      : isPlain(value) && left > 0
        ? withoutSecretFields(value, left - 1)
        : value;
    if (shown === value) {
      continue;
    }
    copy ??= { ...fields };
    copy[name] = shown;
  }
  return copy ?? (fields as Record<string, unknown>);
}

function isPlain(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !(value instanceof Error);
}

/**
 * Errors of libraries carry requests, configurations and more: only what shows where it happened is
 * logged.
 */
function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) {
    return String(error);
  }
  const { name, message, stack, cause } = error;
  const { code } = error as { code?: unknown };
  return {
    type: name,
    message: withoutSecrets(message),
    code: typeof code === 'string' ? code : undefined,
    stack: withoutSecrets(stack ?? ''),
    cause: cause === undefined ? undefined : describeError(cause),
  };
}

/** Addresses with signatures, codes or bot tokens in them. */
function withoutSecrets(text: string): string {
  return text
    .replaceAll(/\/bot\d+:[\w-]+/g, '/bot[redacted]')
    .replaceAll(/([?&](?:sig|authCode|token|X-Amz-[\w-]+)=)[^&\s"']+/gi, '$1[redacted]');
}

/** Quoted unless it is plain: a user agent may hold blanks, or bytes that a terminal obeys. */
function readableValue(value: unknown): string {
  if (typeof value !== 'object' && /^[\x21-\x7e\u00a1-\uffff]*$/.test(String(value))) {
    return String(value);
  }
  return JSON.stringify(value).replaceAll(
    /[\x7f-\x9f]/g,
    (bad) => `\\u00${bad.charCodeAt(0).toString(16)}`,
  );
}

function readable(line: string): string {
  const { time, level, msg, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const rest = Object.entries(fields).map(([key, value]) => `${key}=${readableValue(value)}`);
  return `${String(time)} ${String(level).toUpperCase().padEnd(5)} ${String(msg ?? '')} ${rest.join(' ')}`
    .trimEnd()
    .concat('\n');
}
