/** The image's HEALTHCHECK: asks this container's own /health. The base image has no curl. */
import http from 'node:http';

const request = http.get(
  { host: '127.0.0.1', port: process.env.PORT, path: '/health', timeout: 9_000 },
  (response) => {
    response.resume();
    process.exitCode = response.statusCode === 200 ? 0 : 1;
  },
);
request.on('timeout', () => request.destroy(new Error('no answer in 9 s')));
request.on('error', (error) => {
  console.error(error.message);
  process.exitCode = 1;
});
