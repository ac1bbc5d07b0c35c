/**
 * Starts the service: `node dist/examples/service/main.js [folder]`, on PORT (8080) and HOST (127.0.0.1).
 * An interrupt or SIGTERM answers what has been asked, saves every training, and ends.
 */
import { createService } from './server.js';

const service = createService(process.argv[2] ?? 'out/service');
service.server.listen(Number(process.env['PORT'] ?? 8080), process.env['HOST'] ?? '127.0.0.1', () => {
  const { address, port } = service.server.address() as { address: string; port: number };
  console.log(`listening on http://${address}:${port}`);
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => { void service.close(); });
