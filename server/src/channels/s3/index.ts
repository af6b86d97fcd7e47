import { defineDriver } from '../driver.ts';
import { create } from './create.ts';
import { s3Group } from './group.ts';
import { s3Settings } from './settings.ts';

export { b2Driver } from './presets/b2.ts';
export { minioDriver } from './presets/minio.ts';
export { cfr2Driver, r2Driver } from './presets/r2.ts';
export { spacesDriver } from './presets/spaces.ts';
export { wasabiDriver } from './presets/wasabi.ts';

/** Any service that speaks the S3 API. */
export const s3Driver = defineDriver({
  type: 's3',
  group: s3Group,
  settings: s3Settings,
  create,
});
