/** Element types by JAX's names, with their ONNX numbers, sizes and typed arrays. Promotion is in `lib/jax/dtypes.ts`. */

export const DTYPES = {
  float32: { onnx: 1, size: 4 },
  uint8: { onnx: 2, size: 1 },
  int8: { onnx: 3, size: 1 },
  uint16: { onnx: 4, size: 2 },
  int16: { onnx: 5, size: 2 },
  int32: { onnx: 6, size: 4 },
  int64: { onnx: 7, size: 8 },
  bool: { onnx: 9, size: 1 },
  float16: { onnx: 10, size: 2 },
  float64: { onnx: 11, size: 8 },
  uint32: { onnx: 12, size: 4 },
  uint64: { onnx: 13, size: 8 },
  bfloat16: { onnx: 16, size: 2 },
} as const;

/** An element type, by JAX's name. */
export type DType = keyof typeof DTYPES;
