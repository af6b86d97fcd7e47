import { authCodeWarning, type Config, publicBindProblem } from '../config.ts';
import type { MetadataStore } from '../core/metadata.ts';
import { lastSighting, proxyAdvice } from '../http/address/proxy-watch.ts';

interface Report {
  pass(what: string, detail: string): void;
  note(what: string, detail: string): void;
  fail(what: string, detail: string): void;
}

const proxy = 'reverse proxy';

/**
 * Checks that secrets are long enough for the address the server listens on, and how callers are
 * identified.
 */
export function checkAccess(config: Config, report: Report): void {
  const problem = publicBindProblem(config, true);
  const warning = authCodeWarning(config);
  if (problem !== undefined) {
    report.fail('upload code', problem);
  } else if (warning !== undefined) {
    report.note('upload code', warning);
  }
  describeTrust(config, report);
}

function describeTrust({ trustProxy }: Config, report: Report): void {
  if (trustProxy === true) {
    report.note(proxy, trustTexts.all);
  } else if (trustProxy === false) {
    report.pass(proxy, trustTexts.none);
  } else if (typeof trustProxy === 'number') {
    report.pass(proxy, `the nearest ${trustProxy} may name the caller`);
  } else {
    report.pass(proxy, `${trustProxy.join(', ')} may name the caller`);
  }
}

const trustTexts = {
  all: 'every header is believed (true): right only when a proxy overwrites them. A number of proxies, or addresses, is safer',
  none: 'none is trusted: callers are the addresses that connect. Behind a proxy set STOWAGE_TRUST_PROXY to its address',
};

/** Headers seen at runtime that contradict the setting. */
export async function checkSightings(
  { trustProxy }: Config,
  metadata: MetadataStore,
  report: Report,
): Promise<void> {
  const seen = await lastSighting(metadata, trustProxy);
  if (seen !== undefined) {
    report.note(proxy, `seen at ${new Date(seen.at).toISOString()}: ${proxyAdvice(seen)}`);
  }
}
