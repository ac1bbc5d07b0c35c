/** `hk.nets`: whole networks. */
export { MLP, type MLPCallOptions, type MLPOptions } from './mlp.js';
export { MobileNetV1, type MobileNetV1Options } from './mobilenet.js';
export {
  ResNet, ResNet18, ResNet34, ResNet50, ResNet101, ResNet152, ResNet200,
  type ResNetBatchNormConfig, type ResNetConvConfig, type ResNetDepthOptions, type ResNetOptions,
} from './resnet.js';
export { VectorQuantizer, VectorQuantizerEMA, type Quantized, type VectorQuantizerEMAOptions, type VectorQuantizerOptions } from './vq.js';
