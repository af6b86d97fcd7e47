import { defineDriver } from '../driver.ts';
import { create } from './create.ts';
import { s3Group } from './group.ts';
import { presetDrivers } from './presets.ts';
import { s3Settings } from './settings.ts';

/** Any service that speaks the S3 API. */
export const s3Driver = defineDriver({
  type: 's3',
  group: s3Group,
  settings: s3Settings,
  create,
});

/** All of the family. */
export const s3Drivers = [s3Driver, ...presetDrivers];
