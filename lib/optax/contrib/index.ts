/** `optax.contrib`: optimizers that others gave to Optax. */
export * from './adaptive.js';
export * from './curvature.js';
export { GaLoreDimensionNumbers, GaLoreState, galore, scaleByGalore, type GaloreOptions } from './galore.js';
export { MomoAdamState, MomoState, momo, momoAdam } from './momo.js';
export { MuonDimensionNumbers, MuonState, muon, scaleByMuon, type MuonOptions, type ScaleByMuonOptions } from './muon.js';
export * from './privacy.js';
export { DAdaptAdamWState, DoGState, DoWGState, MechanicState, ProdigyState, dadaptAdamw, dog, dowg, mechanize, prodigy, type InitStep } from './rate-free.js';
export { ScheduleFreeState, scheduleFree, scheduleFreeAdamw, scheduleFreeEvalParams, scheduleFreeSgd, type ScheduleFreeOptions } from './schedule-free.js';
