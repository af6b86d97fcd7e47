import { type ParseArgsConfig, parseArgs } from 'node:util';

type Options = NonNullable<ParseArgsConfig['options']>;
type Parsed<O extends Options> = ReturnType<
  typeof parseArgs<{ options: O; allowPositionals: true }>
>;

export interface ArgumentRules<O extends Options> {
  /** Printed on request and after an error. */
  readonly usage: string;
  readonly options: O;
  /** Number of words allowed beside the options. Default none. */
  readonly words?: { readonly min: number; readonly max: number; readonly missing: string };
}

/**
 * The command's options, or its exit code after printing why nothing is to be done: 0 for `--help`,
 * 2 for unknown options and words. Every command calls this first.
 */
export function readArguments<const O extends Options>(
  args: readonly string[],
  { usage, options, words = { min: 0, max: 0, missing: '' } }: ArgumentRules<O>,
): Parsed<O> | number {
  if (args[0] === 'help' || args.some((arg) => arg === '--help' || arg === '-h')) {
    process.stdout.write(usage);
    return 0;
  }
  try {
    const parsed = parseArgs({ args: [...args], options, allowPositionals: true }) as Parsed<O>;
    const { positionals } = parsed;
    if (positionals.length > words.max) {
      throw new Error(`Unexpected argument "${positionals[words.max]}".`);
    }
    if (positionals.length < words.min) {
      throw new Error(words.missing);
    }
    return parsed;
  } catch (error) {
    return refuseArguments((error as Error).message, usage);
  }
}

/** Prints the error and returns its exit code. */
export function refuseArguments(problem: string, usage: string): number {
  process.stderr.write(`${problem}\n\n${usage}`);
  return 2;
}
