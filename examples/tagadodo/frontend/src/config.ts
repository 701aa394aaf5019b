export type Config = { apiUrl: string };

/** One build serves every environment: where the API is, the server says at start. */
export async function loadConfig(): Promise<Config> {
  const response = await fetch('/config.json', { cache: 'no-store' });
  if (!response.ok) throw new Error(`/config.json answered ${response.status}`);
  const { apiUrl } = (await response.json()) as Partial<Config>;
  if (typeof apiUrl !== 'string') throw new Error('/config.json names no apiUrl');
  return { apiUrl: apiUrl.replace(/\/+$/, '') };
}

export function ownVersion(): string {
  return document.querySelector<HTMLMetaElement>('meta[name=version]')?.content ?? 'unknown';
}
