import type { Route } from '../../route.ts';
import { getAiConfig } from './ai.ts';
import { getOthersConfig, setOthersConfig } from './others.ts';
import { getPageConfig, setPageConfig } from './page.ts';
import { getSecurityConfig, setSecurityConfig } from './security.ts';
import { getUploadConfig, setUploadConfig } from './upload.ts';

/** Upload API 4.11. */
export const sysConfigRoutes: readonly Route[] = [
  getUploadConfig,
  setUploadConfig,
  getSecurityConfig,
  setSecurityConfig,
  getPageConfig,
  setPageConfig,
  getOthersConfig,
  setOthersConfig,
  getAiConfig,
];
