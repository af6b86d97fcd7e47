import { z } from 'zod';
import type { Json } from '../bytes.ts';
import { fail } from '../errors.ts';
import type { SettingStore } from '../metadata.ts';
import { own } from '../own.ts';
import { isSealed, type SealedSecret, type SecretBox } from './secret-box.ts';

const sealed = z.custom<SealedSecret>(isSealed);
const folder = z.string().max(1000);
const openTo = z.strictObject({ enabled: z.boolean(), allowedDir: folder });

/** A setting of the page is named as the page names it. */
export const pageSettingName = /^[A-Za-z][A-Za-z0-9]{0,63}$/;

/** Every setting that can be changed at run time, by group. */
const schemas = {
  /** `loadBalance`: by group of channels. */
  upload: z.strictObject({ loadBalance: z.record(z.string(), z.boolean()).default({}) }),
  security: z.strictObject({ authCode: sealed.nullable().default(null) }),
  page: z.strictObject({
    values: z
      .record(
        z.string().regex(pageSettingName),
        z.union([z.string().max(65_536), z.number(), z.boolean()]),
      )
      .default({}),
    announcementRefreshAt: z.number().nullable().default(null),
  }),
  /** `allowedDir`: folders, separated by commas. */
  others: z.strictObject({
    randomImageAPI: openTo.default({ enabled: false, allowedDir: '' }),
    publicBrowse: openTo.default({ enabled: false, allowedDir: '' }),
  }),
} as const;

export type SettingGroup = keyof typeof schemas;
export type SettingsOf<Group extends SettingGroup> = z.output<(typeof schemas)[Group]>;

export const rowOf = (group: SettingGroup): string => `runtime.${group}`;

/** Where the upload code is sealed. */
export const authCodePlace = 'setting security, authCode';

export interface RuntimeSettingsOptions {
  readonly store: Pick<SettingStore, 'get' | 'set'>;
  readonly box: SecretBox;
  /** The upload code of the configuration, which wins. */
  readonly authCode?: string | undefined;
}

/**
 * The settings that are changed at run time. Reading fails with `service_unavailable` when they
 * cannot be read or understood: nothing is open by default because of that.
 */
export class RuntimeSettings {
  readonly #options: RuntimeSettingsOptions;
  #balanced: Readonly<Record<string, boolean>> = {};
  #code: () => string | undefined = notReadYet;

  constructor(options: RuntimeSettingsOptions) {
    this.#options = options;
  }

  async get<Group extends SettingGroup>(group: Group): Promise<SettingsOf<Group>> {
    const stored = await this.#options.store.get(rowOf(group));
    const parsed = schemas[group].safeParse(stored ?? {});
    if (!parsed.success) {
      throw fail('service_unavailable', {
        message: `The stored settings "${group}" cannot be understood. Save them again.`,
      });
    }
    return parsed.data as SettingsOf<Group>;
  }

  /** Counts on this node when it resolves, and on others soon after. */
  async set<Group extends SettingGroup>(group: Group, value: SettingsOf<Group>): Promise<void> {
    const checked = schemas[group].safeParse(value);
    if (!checked.success) {
      const [issue] = checked.error.issues;
      const field = issue?.path.join('.') ?? group;
      throw fail('validation_error', {
        message: `${field} is not valid.`,
        details: { fields: [field] },
      });
    }
    await this.#options.store.set(rowOf(group), checked.data as unknown as Json);
    await this.refresh();
  }

  /** Whether the configuration has an upload code, which then wins. */
  get isAuthCodeFixed(): boolean {
    return this.#options.authCode !== undefined;
  }

  /** The upload code as it was at the last refresh; undefined when there is none. */
  authCode(): string | undefined {
    return this.#options.authCode ?? this.#code();
  }

  /** Undefined removes it. */
  async setAuthCode(code: string | undefined): Promise<void> {
    const { box } = this.#options;
    const value = code === undefined ? null : box.seal(code, authCodePlace);
    await this.set('security', { authCode: value });
  }

  /** Whether uploads are spread over the channels of a group, as of the last refresh. */
  balances(group: string): boolean {
    return own(this.#balanced, group) === true;
  }

  /** Reads again what is needed without waiting. */
  async refresh(): Promise<void> {
    const [security, upload] = await Promise.allSettled([this.get('security'), this.get('upload')]);
    this.#code = () => {
      if (security.status === 'rejected') {
        throw security.reason;
      }
      const { authCode } = security.value;
      return authCode === null ? undefined : this.#options.box.open(authCode, authCodePlace);
    };
    if (upload.status === 'fulfilled') {
      this.#balanced = upload.value.loadBalance;
    }
  }
}

function notReadYet(): never {
  throw fail('service_unavailable', { message: 'The settings have not been read yet.' });
}
