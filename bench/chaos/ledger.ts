import { createCipheriv, createHash } from 'node:crypto';

/** A file that the server has acknowledged. */
export interface Entry {
  /** Its path, `/file/...`. */
  readonly src: string;
  readonly bytes: Content;
  /** `deleting`: asked for, but not answered yet. */
  state: 'kept' | 'deleting' | 'deleted';
  /** When the last promise about it was made, and in which words. */
  said: string;
}

/** Bytes that can be made again from a number. */
export interface Content {
  readonly seed: number;
  readonly size: number;
  readonly isPdf: boolean;
  readonly sha256: string;
}

/** What was promised, and what was found to be otherwise. */
export interface Ledger {
  readonly entries: Entry[];
  readonly faults: string[];
  /** Answers by operation and status; 0 for none. */
  readonly answers: Map<string, number>;
  /** Kills, cuts and starts, with their times. */
  readonly events: string[];
  note(event: string): void;
  count(operation: string, status: number): void;
  fault(kind: string, detail: string): void;
}

export function createLedger(): Ledger {
  const answers = new Map<string, number>();
  const faults: string[] = [];
  const events: string[] = [];
  return {
    events,
    note: (event) => void events.push(`${now()} ${event}`),
    entries: [],
    faults,
    answers,
    count(operation, status) {
      const name = `${operation} ${status}`;
      answers.set(name, (answers.get(name) ?? 0) + 1);
    },
    fault: (kind, detail) => void faults.push(`${kind}: ${detail} (at ${now()})`),
  };
}

/** Of the day, to the millisecond. */
export const now = (): string => new Date().toISOString().slice(11, -1);

export const sha256 = (bytes: Uint8Array): string =>
  createHash('sha256').update(bytes).digest('hex');

export function makeContent(seed: number, size: number, isPdf = false): Content {
  return { seed, size, isPdf, sha256: sha256(bytesOf({ seed, size, isPdf })) };
}

const pdfStart = Buffer.from('%PDF-1.7\n');
const pdfEnd = Buffer.from('\n%%EOF\n');

export function bytesOf({ seed, size, isPdf }: Omit<Content, 'sha256'>): Buffer<ArrayBuffer> {
  const key = Buffer.alloc(16);
  key.writeUInt32LE(seed);
  const bytes = createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(size));
  if (isPdf) {
    pdfStart.copy(bytes);
    pdfEnd.copy(bytes, size - pdfEnd.length);
  }
  return Buffer.from(bytes);
}
