import { type Logger, pino } from 'pino';
import type { Config } from './config.ts';

/** JSON lines on standard output (or readable text), with whatever might hold a secret redacted. */
export function createLogger({ level, format }: Config['log']): Logger {
  return pino({
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: { paths: secretPaths, censor: '[redacted]' },
    serializers: { err: describeError },
    ...(format === 'text' && { hooks: { streamWrite: readable } }),
  });
}

const secretPaths = ['authorization', 'token', 'authCode', 'password', 'secret', 'cookie', 'headers'].flatMap((name) => [
  name,
  `*.${name}`,
]);

/** Errors of libraries carry requests, configurations and more: only what tells where it happened goes out. */
function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return String(error);
  const { name, message, stack, cause } = error;
  const { code } = error as { code?: unknown };
  return {
    type: name,
    message: withoutSecrets(message),
    ...(typeof code === 'string' && { code }),
    stack: withoutSecrets(stack ?? ''),
    ...(cause !== undefined && { cause: describeError(cause) }),
  };
}

/** Addresses with signatures, codes or bot tokens in them. */
function withoutSecrets(text: string): string {
  return text
    .replaceAll(/\/bot\d+:[\w-]+/g, '/bot[redacted]')
    .replaceAll(/([?&](?:sig|authCode|token|X-Amz-[\w-]+)=)[^&\s"']+/gi, '$1[redacted]');
}

function readable(line: string): string {
  const { time, level, msg, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const rest = Object.entries(fields).map(
    ([key, value]) => `${key}=${typeof value === 'object' ? JSON.stringify(value) : String(value)}`,
  );
  return `${String(time)} ${String(level).toUpperCase().padEnd(5)} ${String(msg ?? '')} ${rest.join(' ')}`.trimEnd().concat('\n');
}
