import { defineConfig } from 'vitest/config';

/** In development the API on port 3000 is reached as the page's own /api. */
const api = {
  target: process.env.API_TARGET ?? 'http://127.0.0.1:3000',
  ws: true,
  rewrite: (path: string) => path.replace(/^\/api/, ''),
};

export default defineConfig({
  server: { proxy: { '/api': api } },
  test: {
    environment: 'happy-dom',
    testTimeout: 60_000,
    coverage: { include: ['src/**'], reporter: ['text-summary', 'lcov'] },
  },
});
