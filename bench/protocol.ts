/**
 * Our half of the benchmark protocol, and the harness's: one JSON object a line. Every contender, ours included, is a
 * process of its own: then memory is comparable, and no library slows down another one.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';

/** Runs that many steps and waits for the last one. A number answered is the time in ns, where it timed itself. */
export type Variant = (steps: number) => void | number | Promise<void | number>;

/** Answers questions on stdin until it ends: `bench/peers/protocol.py` says the same in Python. */
export async function serve(name: string, variants: Record<string, Variant>): Promise<void> {
  const answer = (value: object) => process.stdout.write(JSON.stringify(value) + '\n');
  answer({ ready: name, variants: Object.keys(variants) });
  for await (const line of createInterface({ input: process.stdin })) {
    const question = JSON.parse(line) as { run?: string, steps?: number };
    try {
      if (question.run === undefined) answer({ bytes: process.resourceUsage().maxRSS * 1024 });
      else answer({ ns: await time(variants[question.run], question.steps!) });
    } catch (error) {
      answer({ error: error instanceof Error ? error.stack : String(error) });
    }
  }
}

async function time(variant: Variant, steps: number): Promise<number> {
  globalThis.gc?.();  // the last round's garbage is not this round's
  const begin = process.hrtime.bigint();
  const own = await variant(steps);
  return own ?? Number(process.hrtime.bigint() - begin);
}

/** A process that runs variants of a case when asked. */
export class Contender {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  #stderr = '';
  name = '';
  variants: string[] = [];

  private constructor(command: string, args: string[], environment: Record<string, string>) {
    this.#child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...environment } });
    this.#child.stderr!.on('data', (chunk: Buffer) => { this.#stderr = (this.#stderr + chunk).slice(-4000); });
    this.#child.stdin!.on('error', () => {});  // a dead process is noticed when its answer is missing
    this.#lines = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]();
  }

  static async start(command: string, args: string[], environment: Record<string, string> = {}): Promise<Contender> {
    const contender = new Contender(command, args, environment);
    const { ready, variants } = await contender.#answer() as { ready: string, variants: string[] };
    contender.name = ready;
    contender.variants = variants;
    return contender;
  }

  /** Nanoseconds for that many steps. */
  async run(variant: string, steps: number): Promise<number> {
    return (await this.#ask({ run: variant, steps }) as { ns: number }).ns;
  }

  /** Bytes that were resident at most. */
  async peakMemory(): Promise<number> {
    return (await this.#ask({ rss: true }) as { bytes: number }).bytes;
  }

  close(): void {
    this.#child.stdin!.end();
    this.#child.kill();
  }

  #ask(question: object): Promise<object> {
    this.#child.stdin!.write(JSON.stringify(question) + '\n');
    return this.#answer();
  }

  async #answer(): Promise<object> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error(`The process ended: ${this.#child.spawnargs.join(' ')}\n${this.#stderr}`);
    const answer = JSON.parse(value) as { error?: string };
    if (answer.error) throw new Error(`${this.name}: ${answer.error}`);
    return answer;
  }
}
