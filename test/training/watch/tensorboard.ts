/** TensorBoard's own reader: a Python with the package `tensorboard`, named by HOKKU_TENSORBOARD_PYTHON or found as `python3`. */
import { spawnSync } from 'node:child_process';
import { expect } from 'chai';

export const python = process.env['HOKKU_TENSORBOARD_PYTHON'] ?? 'python3';

/** Why there is no reader, or undefined. */
export function missingReader(): string | undefined {
  const asked = spawnSync(python, ['-c', 'import tensorboard.backend.event_processing.event_accumulator'], { encoding: 'utf8' });
  return asked.status === 0 ? undefined : `${python} has no package tensorboard; install it, or name another Python by HOKKU_TENSORBOARD_PYTHON`;
}

/** Everything that a folder's event files hold: as the reader gives it, and as what the server shows. */
export interface Read {
  scalars: Record<string, [step: number, value: string, wallTime: number][]>;
  histograms: Record<string, { step: number; min: number; max: number; num: number; sum: number; sumSquares: number; limits: number[]; counts: number[] }[]>;
  images: Record<string, { step: number; width: number; height: number; pixels: number[] }[]>;
  shown: Record<string, string[]>;
  records: number;
}

const SCRIPT = `
import io, json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.plugin_event_accumulator import EventAccumulator as Shown
from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
from PIL import Image
def read(folder):
    all = EventAccumulator(folder, size_guidance={'scalars': 0, 'histograms': 0, 'images': 0}).Reload()
    shown = Shown(folder, size_guidance={'tensors': 0}).Reload()
    tags = all.Tags()
    def image(x):
        picture = Image.open(io.BytesIO(x.encoded_image_string))
        assert picture.size == (x.width, x.height)
        return {'step': x.step, 'width': x.width, 'height': x.height, 'pixels': list(picture.tobytes())}
    def histogram(x):
        h = x.histogram_value
        return {'step': x.step, 'min': h.min, 'max': h.max, 'num': h.num, 'sum': h.sum, 'sumSquares': h.sum_squares, 'limits': list(h.bucket_limit), 'counts': list(h.bucket)}
    return {
        'scalars': {t: [[x.step, str(x.value), x.wall_time] for x in all.Scalars(t)] for t in tags['scalars']},
        'histograms': {t: [histogram(x) for x in all.Histograms(t)] for t in tags['histograms']},
        'images': {t: [image(x) for x in all.Images(t)] for t in tags['images']},
        'shown': {plugin: sorted(shown.PluginTagToContent(plugin)) for plugin in shown.Tags()['tensors'] and ['scalars', 'histograms', 'images'] if plugin in shown._plugin_to_tag_to_content},
    }
json.dump([read(folder) for folder in sys.argv[1:]], sys.stdout)
`;

/** Reads folders in one process: starting Python takes seconds. */
export function readBack(...folders: string[]): Read[] {
  const done = spawnSync(python, ['-c', SCRIPT, ...folders], { encoding: 'utf8', maxBuffer: 1 << 28 });
  expect(done.status, done.stderr).to.equal(0);
  return JSON.parse(done.stdout) as Read[];
}
