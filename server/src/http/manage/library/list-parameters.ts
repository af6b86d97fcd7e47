import { z } from 'zod';

const text = (description: string) => z.string().optional().meta({ description });
const several = (description: string) =>
  text(`${description} Several with commas: files with any of them.`);

/** The query of `GET /api/manage/list`. */
export const listParameters = () =>
  z.object({
    dir: text('The folder, such as `a/b`. Default: the root.'),
    recursive: z
      .boolean()
      .optional()
      .meta({ description: '`true` lists the files of sub-folders as well.' }),
    start: z.int().optional().meta({ description: 'How many files to skip. Default 0.' }),
    count: z.int().optional().meta({ description: 'How many files. Default 50; `-1`: all.' }),
    cursor: text('`nextCursor` of the page before, instead of `start`. As quick at any depth.'),
    sum: z.boolean().optional().meta({ description: '`true` with `count=-1`: only the total.' }),
    search: text('A part of the name or path, in any case.'),
    includeTags: text('Tags with commas: files with all of them.'),
    excludeTags: text('Tags with commas: files with none of them.'),
    channel: several('Type of the channel, such as `S3`.'),
    channelName: several('Name of the channel, or `Type:name`.'),
    listType: several('`White`, `Block` or `None`.'),
    accessStatus: text(
      '`normal` or `blocked`: on the block list, or labelled `adult` and not on the white list.',
    ),
    label: several('`normal`, `teen` or `adult`.'),
    fileType: several('`image`, `video`, `audio` or `other`.'),
    sortBy: z.enum(['time', 'name', 'size']).optional().meta({ description: 'Default `time`.' }),
    sortOrder: z.enum(['asc', 'desc']).optional().meta({ description: 'Default `desc`.' }),
    action: text(
      '`info`: statistics. `rebuild`, `merge-operations`, `delete-operations`: a text, there is nothing to do.',
    ),
    timezoneOffset: z.int().optional().meta({
      description: 'For `info`: minutes that local time is behind UTC, as JavaScript counts them.',
    }),
    trendMaxPoints: z.int().optional().meta({ description: '7 to 366, default 90.' }),
    trendSeriesLimit: z.int().optional().meta({ description: '1 to 20, default 8.' }),
    trendStartDate: text('`YYYY-MM-DD`. Default: the day of the oldest file.'),
    trendEndDate: text('`YYYY-MM-DD`. Default: today.'),
  });
