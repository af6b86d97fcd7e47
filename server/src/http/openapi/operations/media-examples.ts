const id = '019aab3c-6f00-7c2e-9d41-5b8f3a7e1c02';
const meta = { request_id: 'a1b2c3d4', timestamp: '2026-04-10T12:00:00.000Z' };
const link = `https://media.example/file/media/${id}.jpg`;

function success<Data extends object>(data: Data) {
  return { data, error: null, meta };
}

const started = {
  media_id: id,
  id,
  media_ids: [id],
  protocol: 'https',
  status: 'uploading',
  expires_in: 3600,
  expires_at: '2026-04-10T13:00:00.000Z',
  next_step: 'Upload your file to upload_url, then call POST /media/{media_id}/complete to finalize.',
};

export const startedUpload = success({
  ...started,
  upload_url: `https://media.example/relay/${id}?sig=v1.WyJyZWxheSJd.c2lnbmF0dXJl`,
  upload_method: { method: 'POST', content_type: 'multipart/form-data', field_name: 'file' },
  provider: 'cloudflare_images',
  channel: { type: 'local', name: 'local' },
  max_size: 20_971_520,
});

export const startedVideo = success({
  ...started,
  upload_url: 'https://storage.example/bucket/2026/04/clip.mp4?X-Amz-Signature=9f86d0',
  upload_method: {
    method: 'PUT',
    content_type: 'video/mp4',
    field_name: null,
    headers: { 'Content-Type': 'video/mp4' },
  },
  provider: 'r2',
  channel: { type: 'r2', name: 'videos' },
  max_size: 524_288_000,
});

const item = {
  media_id: id,
  id,
  media_ids: [id],
  status: 'ready',
  media_status: 'ready',
  upload_status: 'ready',
  type: 'image',
  media_type: 'image',
  filename: 'product-photo.jpg',
  original_name: 'product-photo.jpg',
  content_type: 'image/jpeg',
  mime_type: 'image/jpeg',
  size: 2_048_576,
  file_size: 2_048_576,
  width: 1600,
  height: 1200,
  dimensions: { width: 1600, height: 1200 },
  aspect_ratio: 1.3333,
  orientation: 'landscape',
  duration: null,
  url: link,
  thumbnail_url: link,
  error_message: null,
  created_at: '2026-04-10T12:00:00.000Z',
};

export const mediaItem = success(item);

export const completedMedia = success({
  ...item,
  message: 'Image is ready. You can now attach it to a post using media_ids.',
  next_step: `Media is ready. Attach it to a post by passing "media_ids": ["${id}"] to POST /v1/posts.`,
});

const source = 'https://example.com/photos/product-photo.jpg';

export const importedImage = success({
  ...item,
  source_url: source,
  next_step: `Media is ready. Attach it to a post by passing "media_ids": ["${id}"] to POST /v1/posts.`,
});

export const importingVideo = success({
  ...item,
  ...{ status: 'uploading', media_status: 'uploading', upload_status: 'uploading' },
  ...{ type: 'video', media_type: 'video', filename: 'clip.mp4', original_name: 'clip.mp4' },
  ...{ content_type: 'video/mp4', mime_type: 'video/mp4', size: null, file_size: null },
  ...{ width: null, height: null, dimensions: null, aspect_ratio: null, orientation: null, url: null, thumbnail_url: null },
  source_url: 'https://example.com/clip.mp4',
  next_step: `The video is being imported. Poll GET /media/${id} until media_status is "ready" or "failed".`,
});

export const listedMedia = success({
  media: [item],
  items: [item],
  media_ids: [id],
  total: 41,
  next_cursor: 'MTc5NTg4NjQwMDAwMCAwMTlhYjNjNC01ZDZlLTdmODAtOTFhMi1iM2M0ZDVlNmY3MDg',
  pagination: { limit: 1, offset: 0, total: 41, has_more: true },
});

export const deletedMedia = success({ media_id: id, id, deleted: true, message: 'Media deleted.' });

export const relayedForm = {
  result: {
    id,
    filename: 'product-photo.jpg',
    uploaded: '2026-04-10T12:00:03.000Z',
    requireSignedURLs: false,
    variants: [],
  },
  success: true,
  errors: [],
  messages: [],
};
