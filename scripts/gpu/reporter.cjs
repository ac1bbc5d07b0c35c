/** Mocha's usual report for people, and a line of JSON for each test as it ends: a crash loses none that came before it. */
const { appendFileSync } = require('node:fs');
const { reporters: { Spec } } = require('mocha');

module.exports = class extends Spec {
  constructor(runner, options) {
    super(runner, options);
    const path = process.env.HOKKU_RESULTS;
    const tell = (state) => (test, error) => appendFileSync(path, JSON.stringify({
      state, title: test.fullTitle(), ms: test.duration, ...(error && { error: error.stack ?? String(error) }),
    }) + '\n');
    runner.on('pass', tell('passed'));
    runner.on('fail', tell('failed'));
    runner.on('pending', tell('pending'));
  }
};
