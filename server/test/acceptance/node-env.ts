/**
 * What nodes on one PostgreSQL need; the local folder of the first one, `objects`, is everybody's.
 */
export function nodeEnv(databaseUrl: string, objects?: string): Record<string, string> {
  const disk = {
    type: 'local',
    name: 'disk',
    shared: true,
    ...(objects !== undefined && { path: objects }),
  };
  return {
    DATABASE_URL: databaseUrl,
    STOWAGE_SECRET_KEY: 'k'.repeat(40),
    STOWAGE_CHANNELS: JSON.stringify([disk]),
  };
}
