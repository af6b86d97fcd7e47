import { requestScenarios } from './requests.ts';
import type { Scenario } from './scenario.ts';
import { transferScenarios } from './transfers.ts';

export const scenarios: readonly Scenario[] = [...requestScenarios, ...transferScenarios];
