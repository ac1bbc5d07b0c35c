/** ONNX's messages and what reads and writes them. A module of its own, so that both packages share one copy of protobuf: `require` would bring a second. */
export * as onnx from 'onnx-buf';
export * as protobuf from '@bufbuild/protobuf';
