#!/usr/bin/env node
// The command is src/cli.ts in a checkout (which needs a Node that runs TypeScript) and dist/cli.js
// in the package (Node 20 and newer).
import { existsSync } from 'node:fs';

const source = new URL('../src/cli.ts', import.meta.url);
await import(existsSync(source) ? source.href : new URL('../dist/cli.js', import.meta.url).href);
