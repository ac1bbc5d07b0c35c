/** `hokku/onnx`: ONNX models as functions of arrays, and back. */
export { importModel, type ApplyOptions, type ImportOptions, type ImportedModel, type Inputs } from './import.js';
export { exportFunction, exportModel, type ExportFunctionOptions, type ExportOptions } from './export.js';
export { lora, mergeLora, type Lora, type LoraOptions } from './lora.js';
export { biasOnly, lastLayers, normOnly } from './selections.js';
export { LOSSES, objective, type ModelObjective, type ObjectiveOptions } from './objective.js';
export type { WriteOptions } from './write.js';
export { UnsupportedOperators, type UnsupportedNode } from './errors.js';
export { BudgetError } from './budget.js';
export type { Port } from './graph.js';
