import { z } from 'zod';

/** Responses of the hub, as far as we read them; unknown members are ignored. */

export const identityAnswer = z.object({
  name: z.string(),
  orgs: z.array(z.object({ name: z.string() })).catch([]),
  auth: z.object({ accessToken: z.object({ role: z.string() }).optional() }).optional(),
});

export const preuploadAnswer = z.object({
  files: z.array(z.object({ path: z.string(), uploadMode: z.enum(['lfs', 'regular']) })).min(1),
});

const action = z.object({
  href: z.string(),
  // chunk_size arrives as a number or as text: strict clients need strings throughout.
  header: z
    .record(z.string(), z.union([z.string(), z.number()]).transform(String))
    .optional()
    .default({}),
});

export const batchAnswer = z.object({
  objects: z
    .array(
      z.object({
        oid: z.string(),
        actions: z.object({ upload: action.optional(), verify: action.optional() }).nullish(),
        error: z.object({ code: z.number().catch(400), message: z.string() }).nullish(),
      }),
    )
    .min(1),
});

export const pathsAnswer = z.array(
  z.object({
    path: z.string(),
    type: z.string(),
    size: z.number(),
    lfs: z.object({ oid: z.string(), size: z.number() }).nullish(),
  }),
);

export type Identity = z.infer<typeof identityAnswer>;
export type LfsAction = z.infer<typeof action>;
export type PathInfo = z.infer<typeof pathsAnswer>[number];

export interface LfsObject {
  /** Hex SHA-256. */
  readonly oid: string;
  readonly size: number;
}

export interface LfsActions {
  /** Absent when the hub has the object. */
  readonly upload: LfsAction | undefined;
  readonly verify: LfsAction | undefined;
}
