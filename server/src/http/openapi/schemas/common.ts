import { bytes as makeBytes, text as makeText, timestamp as time } from '../shared-schemas.ts';

export const timestamp = time;
export const bytes = makeBytes();
export const text = makeText();
