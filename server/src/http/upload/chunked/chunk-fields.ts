import { z } from 'zod';

export const uploadId = () => z.string().min(1).meta({ description: 'From the first step.' });
export const totalChunks = () =>
  z.int().min(1).meta({ description: 'Number of chunks; by default at most 10,000.' });
const originalFileName = () =>
  z.string().min(1).meta({ description: 'Name of the whole file.', example: 'video.mp4' });
const originalFileType = () =>
  z
    .string()
    .meta({ description: 'MIME type of the whole file; may be empty.', example: 'video/mp4' });

/** The fields of the first step. */
export const whole = () => ({
  originalFileName: originalFileName(),
  originalFileType: originalFileType(),
  totalChunks: totalChunks(),
});

/** The fields that every later step repeats. */
export const step = () => ({ uploadId: uploadId(), ...whole() });

export const exampleUploadId = 'upload_1775822400000_k3f9q2x7m';
export const exampleFields = {
  originalFileName: 'video.mp4',
  originalFileType: 'video/mp4',
  totalChunks: 5,
};
