import { markdown, type Row } from './report.ts';

/** What Stowage is to reach, on whatever machine: mostly ratios within one run. */
export interface Goal {
  readonly scenario: string;
  readonly text: string;
  readonly limit: number;
  /** Whether `limit` is the least or the most. */
  readonly kind: 'least' | 'most';
  /** What was reached; undefined when the run did not measure it. */
  reached(find: FindRow): number | undefined;
}

/** Of Stowage where no other server is named. */
type FindRow = (scenario: string, subject?: string) => Row | undefined;

const STOWAGE = 'Stowage';

const ratio = (scenario: string, limit: number, server: string, other = scenario): Goal => ({
  scenario,
  text: `>= ${limit} x ${server}${other === scenario ? '' : `, ${other}`}`,
  limit,
  kind: 'least',
  reached: (find) => quotient(find(scenario)?.rate, find(other, server)?.rate),
});

const cost = (scenario: string, limit: number, unit: string): Goal => ({
  scenario,
  text: `<= ${limit} ${unit} of CPU`,
  limit,
  kind: 'most',
  reached: (find) => find(scenario)?.cost,
});

const rate = (scenario: string, limit: number): Goal => ({
  scenario,
  text: `>= ${limit}/s`,
  limit,
  kind: 'least',
  reached: (find) => find(scenario)?.rate,
});

const goals: readonly Goal[] = [
  ratio('small', 0.25, 'nginx'),
  ratio('small', 2.5, '@tus/server'),
  cost('small', 350, 'us'),
  ratio('read', 0.4, 'nginx'),
  cost('read', 80, 'us'),
  ratio('raw', 0.6, 'nginx'),
  ratio('raw', 0.9, 'nginx + sync'),
  ratio('raw', 1.2, '@tus/server'),
  cost('raw', 1.6, 's/GiB'),
  ratio('form', 0.9, STOWAGE, 'raw'),
  ratio('form', 1.1, '@tus/server', 'raw'),
  ratio('raw50', 0.85, 'nginx + sync'),
  rate('presign', 4000),
  rate('complete', 3000),
  ratio('read90', 0.7, 'nginx'),
  ...['chunks5', 'chunks8', 'chunks16'].map((id) => ratio(id, 0.9, STOWAGE, 'form')),
];

const PEAK_MIB = 256;

/** A Markdown table: what was reached of what the run measured. Empty when that is nothing. */
export function renderGoals(rows: readonly Row[]): string {
  const find: FindRow = (scenario, subject = STOWAGE) =>
    rows.find((row) => row.scenario === scenario && row.subject === subject);
  const lines = [...goals, ...peaks(rows)].flatMap(({ scenario, text, limit, kind, reached }) => {
    const value = reached(find);
    if (value === undefined) {
      return [];
    }
    const isMet = kind === 'least' ? value >= limit : value <= limit;
    const digits = value < 10 ? 2 : 0;
    return [[scenario, text, value.toFixed(digits), isMet ? 'yes' : 'no']];
  });
  return lines.length === 0 ? '' : markdown([['scenario', 'goal', 'reached', 'met'], ...lines]);
}

/** One goal: the highest peak of all scenarios. */
function peaks(rows: readonly Row[]): readonly Goal[] {
  const own = rows.filter(
    ({ subject, scenario }) => subject === STOWAGE && scenario !== 'files-add',
  );
  const [highest] = own.toSorted((a, b) => b.peakMiB - a.peakMiB);
  return highest === undefined
    ? []
    : [
        {
          scenario: highest.scenario,
          text: `< ${PEAK_MIB} MiB of memory in every scenario`,
          limit: PEAK_MIB,
          kind: 'most',
          reached: () => highest.peakMiB,
        },
      ];
}

function quotient(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : a / b;
}
