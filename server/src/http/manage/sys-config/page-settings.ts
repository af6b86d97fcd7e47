/** A setting of the page, as the page lists and edits it. */
export interface PageSetting {
  readonly id: string;
  readonly label: string;
  readonly category: string;
  readonly type: 'text' | 'textarea' | 'boolean' | 'select';
  readonly default: string | number | boolean;
  readonly options?: readonly { readonly label: string; readonly value: string }[];
}

const site = 'Site';
const uploads = 'Upload page';
const looks = 'Background';

const text = (id: string, label: string, category: string): PageSetting => ({
  id,
  label,
  category,
  type: 'text',
  default: '',
});
const flag = (id: string, label: string, category: string, value = false): PageSetting => ({
  id,
  label,
  category,
  type: 'boolean',
  default: value,
});

/** Upload API 4.11: the ids are those of the page. None of them changes what the APIs do. */
export const pageSettings: readonly PageSetting[] = [
  text('siteTitle', 'Title of the site', site),
  text('siteIcon', 'Address of the icon', site),
  text('ownerName', 'Name of the owner', site),
  text('logoUrl', 'Address of the logo', site),
  text('logoLink', 'Where the logo leads', site),
  text('footerLink', 'Link in the footer', site),
  flag('disableFooter', 'Hide the footer', site),
  text('urlPrefix', 'What links begin with', site),
  {
    id: 'announcement',
    label: 'Announcement',
    category: uploads,
    type: 'textarea',
    default: '',
  },
  flag('showDirectorySuggestions', 'Suggest folders', uploads, true),
  text('defaultUploadChannel', 'Channel that is chosen at first', uploads),
  text('defaultChannelName', 'Name of that channel', uploads),
  text('defaultUploadFolder', 'Folder that is chosen at first', uploads),
  {
    id: 'defaultUploadNameType',
    label: 'Naming that is chosen at first',
    category: uploads,
    type: 'select',
    default: 'default',
    options: ['default', 'index', 'origin', 'short'].map((value) => ({ label: value, value })),
  },
  flag('defaultCustomerCompress', 'Compress pictures in the browser', uploads),
  { ...text('defaultCompressBar', 'Compress from this size on (MB)', uploads), default: 5 },
  { ...text('defaultCompressQuality', 'Size to compress to (MB)', uploads), default: 4 },
  flag('defaultConvertToWebp', 'Convert pictures to WebP', uploads),
  flag('wallpaperEnabled', 'Show a wallpaper', looks),
  { ...text('bkInterval', 'Milliseconds between backgrounds', looks), default: 3000 },
  { ...text('bkOpacity', 'Opacity of the background', looks), default: 1 },
  text('loginBkImg', 'Background of the sign-in', looks),
  text('uploadBkImg', 'Background of the upload page', looks),
  text('adminLoginBkImg', "Background of the administrator's sign-in", looks),
  text('adminBkImg', 'Background of the management', looks),
];

export type PageValues = Readonly<Record<string, string | number | boolean>>;

/** What counts: what was set, otherwise the default. The configuration wins. */
export function effectiveValues(values: PageValues, urlPrefix: string | undefined): PageValues {
  const defaults = pageSettings.map((setting) => [setting.id, setting.default] as const);
  const fixed = urlPrefix === undefined ? [] : [['urlPrefix', `${urlPrefix}/`] as const];
  return Object.fromEntries([...defaults, ...Object.entries(values), ...fixed]);
}
