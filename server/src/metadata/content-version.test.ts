import { expect, it } from 'vitest';
import { changesContent } from './content-version.ts';

it.each([
  'select * from "files"',
  'select "id" from "uploads" where "id" = ? for update skip locked',
  'pragma user_version = 0',
  'insert into "files" ("id") values (?)',
  'insert into "blobs" ("id") values (?) on conflict ("id") do nothing',
  'insert into "counters" ("name") values (?) on conflict ("name") do update set "items" = ?',
  'update "uploads" set "state" = ?',
  'delete from "tokens" where "id" = ?',
  'with "due" as (select "id" from "jobs" for update skip locked) update "jobs" set "run_at" = ?',
])('nothing that is read has changed after %s', (sql) => {
  expect(changesContent(sql)).toBe(false);
});

it.each([
  'update "files" set "path" = ?',
  'DELETE FROM "files" where "id" = ? returning "blob_id"',
  'update "replicas" set "state" = ?',
  'insert into "settings" ("name") values (?) on conflict ("name") do update set "value" = ?',
  'delete from "blobs" where "id" = ?',
  'insert into "replicas" ("blob_id") values (?) on conflict ("blob_id") do update set "state" = ?',
  'with "old" as (delete from "files" returning "id") insert into "jobs" ("id") values (?)',
  // Tables that are not known yet, and forms that are not used yet.
  'update "small_files" set "bytes" = ?',
  'drop table "files"',
  'truncate files',
  'replace into "files" values (?)',
])('something may have changed after %s', (sql) => {
  expect(changesContent(sql)).toBe(true);
});
