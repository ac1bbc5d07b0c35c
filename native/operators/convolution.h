// hokku.Conv and hokku.ConvKernelGradient: convolutions of float32 whose channels come last, over one or two axes of space.
#pragma once

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include "../kernels/context.h"
#include "../kernels/convolution.h"
#include "signature.h"

namespace hokku {

// What both operators are told: a list has an entry for each axis of space, `pads` all befores and then all afters.
struct ConvAttributes {
  std::vector<int64_t> strides, spreads, dilations, pads;
  bool depthwise, windowLast;

  template <class Ints, class Int>
  ConvAttributes(Ints ints, Int integer) : strides(ints("strides")), spreads(ints("spreads")), dilations(ints("dilations")), pads(ints("pads")), depthwise(integer("depthwise") != 0), windowLast(integer("window_last") != 0) {
    const size_t rank = strides.size();
    bool fits = (rank == 1 || rank == 2) && spreads.size() == rank && dilations.size() == rank && pads.size() == 2 * rank;
    for (size_t i = 0; fits && i < rank; i++) fits = strides[i] >= 1 && spreads[i] >= 1 && dilations[i] >= 1 && (strides[i] == 1 || spreads[i] == 1);
    if (!fits) throw std::invalid_argument("hokku.Conv: attributes must be of one or two axes, each with a stride or a spread of 1");
  }

  size_t rank() const { return strides.size(); }
  // Which of a kernel's axes have the features and the channels.
  size_t featuresAt(bool mirrored) const { return (windowLast ? 0 : rank()) + (windowLast == (mirrored && !depthwise) ? 1 : 0); }
  size_t channelsAt(bool mirrored) const { return (windowLast ? 0 : rank()) + (windowLast == (mirrored && !depthwise) ? 0 : 1); }
  int64_t outOf(size_t axis, int64_t in, int64_t window) const {
    const int64_t room = (in - 1) * spreads[axis] + 1 + pads[axis] + pads[axis + rank()] - ((window - 1) * dilations[axis] + 1);
    return room < 0 ? 0 : room / strides[axis] + 1;
  }

  // `window` is the kernel's space. An axis that is missing has one element.
  Convolution of(std::span<const int64_t> image, std::span<const int64_t> window, int64_t features) const {
    if (image.size() != rank() + 2 || window.size() != rank()) throw std::invalid_argument("hokku.Conv: expected a batch, " + std::to_string(rank()) + " axes of space and channels");
    Convolution c{};
    c.images = static_cast<size_t>(image[0]);
    c.channels = static_cast<size_t>(image.back());
    c.features = static_cast<size_t>(features);
    c.depthwise = depthwise;
    c.windowLast = windowLast;
    if (depthwise && c.channels != c.features) throw std::invalid_argument("hokku.Conv: depthwise kernels must have a feature for each channel");
    c.axes[0] = {1, 1, 1, 1, 1, 1, 0};
    for (size_t i = 0; i < rank(); i++) {
      const int64_t out = outOf(i, image[i + 1], window[i]);
      c.axes[2 - rank() + i] = {static_cast<size_t>(image[i + 1]), static_cast<size_t>(out), static_cast<size_t>(window[i]), static_cast<size_t>(strides[i]),
                                static_cast<size_t>(spreads[i]), static_cast<size_t>(dilations[i]), pads[i]};
    }
    for (const ConvolutionAxis& a : c.axes) {
      if (a.in == 0 || a.out == 0 || a.window == 0) throw std::invalid_argument("hokku.Conv: nothing may be empty");
    }
    if (c.images == 0 || c.channels == 0 || c.features == 0) throw std::invalid_argument("hokku.Conv: nothing may be empty");
    return c;
  }
};

inline ConvAttributes convAttributes(const OrtApi* api, const OrtKernelInfo* info) {
  return {[&](const char* name) { return intsAttribute(api, info, name); }, [&](const char* name) { return intAttribute(api, info, name); }};
}
inline ConvAttributes convAttributes(const Inference& inference) {
  return {[&](const char* name) { return inference.ints(name); }, [&](const char* name) { return inference.integer(name); }};
}

struct ConvOp : Signature<6, 1, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT> {
  static constexpr const char* kName = "Conv";
  // An image [n, …space, channels]; a kernel [window…, channels, features], where it is mirrored [window…, features, channels],
  // depthwise [window…, 1, channels], and `window_last` as ONNX has them; then, where they are, a scale [features], which a bias
  // follows, a bias [features], what is added, and a mask.
  static constexpr size_t kRequired = 2;

  ConvOp(const OrtApi* api, const OrtKernelInfo* info)
      : attributes_(convAttributes(api, info)), mirrored_(intAttribute(api, info, "mirrored") != 0), relu_(intAttribute(api, info, "relu") != 0),
        scaled_(intAttribute(api, info, "scaled") != 0), added_(intAttribute(api, info, "added") != 0),
        masked_(intAttribute(api, info, "masked") != 0) {
    size_t inputs = 0;
    check(api->KernelInfo_GetInputCount(info, &inputs));
    const size_t least = 2 + scaled_ + added_ + masked_;
    biased_ = inputs > least;
    if (inputs < least || inputs > least + 1 || (scaled_ && !biased_)) throw std::invalid_argument("hokku.Conv: the inputs do not fit the attributes");
  }

  void compute(const OrtApi* api, OrtKernelContext* context) const {
    ContextHost host(api, context);
    const Tensor x = host.input(0), w = host.input(1);
    const size_t rank = attributes_.rank();
    if (w.shape.size() != rank + 2) throw std::invalid_argument("hokku.Conv: the kernel has too many or too few axes");
    const size_t featuresAt = attributes_.featuresAt(mirrored_), channelsAt = attributes_.channelsAt(mirrored_);
    const int64_t in = w.shape[channelsAt], features = w.shape[featuresAt];
    Convolution c = attributes_.of(x.shape, w.shape.subspan(attributes_.windowLast ? 2 : 0, rank), features);
    c.mirrored = mirrored_;
    if (in != (attributes_.depthwise ? 1 : x.shape.back())) throw std::invalid_argument("hokku.Conv: the kernel does not take the image's channels");
    size_t next = 2;
    Ending ending{nullptr, nullptr, nullptr, nullptr, relu_};
    if (scaled_) ending.scale = columnsOf(host.input(next++), features, kName, "a scale or bias");
    if (biased_) ending.bias = columnsOf(host.input(next++), features, kName, "a scale or bias");
    Shape shape{x.shape[0]};
    for (size_t i = 2 - rank; i < 2; i++) shape.push_back(static_cast<int64_t>(c.axes[i].out));
    shape.push_back(features);
    if (added_) ending.added = alikeOf(host.input(next++), shape, kName, "what is added");
    if (masked_) ending.mask = alikeOf(host.input(next++), shape, kName, "the mask");
    convolve(c, static_cast<const float*>(x.data), static_cast<const float*>(w.data), ending, static_cast<float*>(host.output(0, shape)), host);
  }

  static void infer(const Inference& inference) {
    const ConvAttributes attributes = convAttributes(inference);
    InferredShape x = inference.input(0);
    const InferredShape w = inference.input(1);
    const size_t rank = attributes.rank();
    if (x.dims.size() != rank + 2 || w.dims.size() != rank + 2) return;
    for (size_t i = 0; i < rank; i++) {
      const int64_t window = w.dims[i + (attributes.windowLast ? 2 : 0)];
      if (x.dims[i + 1] < 0 || window < 0) return;
      x.dims[i + 1] = attributes.outOf(i, x.dims[i + 1], window);
    }
    const size_t features = attributes.featuresAt(inference.integer("mirrored") != 0);
    x.dims.back() = w.dims[features];
    x.names.back() = w.names[features];
    inference.setOutput(0, x);
  }

 private:
  ConvAttributes attributes_;
  bool mirrored_, relu_, scaled_, added_, masked_, biased_ = false;
};

struct ConvKernelGradientOp : Signature<2, 1, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT> {
  static constexpr const char* kName = "ConvKernelGradient";
  // The image and the cotangent of the result; makes the kernel's, whose space is `window`.

  ConvKernelGradientOp(const OrtApi* api, const OrtKernelInfo* info) : attributes_(convAttributes(api, info)), window_(intsAttribute(api, info, "window")) {
    for (int64_t s : attributes_.spreads) {
      if (s != 1) throw std::invalid_argument("hokku.ConvKernelGradient: the image must not be spread");
    }
  }

  void compute(const OrtApi* api, OrtKernelContext* context) const {
    ContextHost host(api, context);
    const Tensor x = host.input(0), ct = host.input(1);
    const size_t rank = attributes_.rank();
    if (ct.shape.size() != rank + 2 || ct.shape[0] != x.shape[0]) throw std::invalid_argument("hokku.ConvKernelGradient: the cotangent does not fit");
    const Convolution c = attributes_.of(x.shape, window_, ct.shape.back());
    for (size_t i = 0; i < rank; i++) {
      if (static_cast<int64_t>(c.axes[2 - rank + i].out) != ct.shape[i + 1]) throw std::invalid_argument("hokku.ConvKernelGradient: the cotangent does not fit");
    }
    const Shape shape = kernelShape(attributes_, window_, x.shape.back(), ct.shape.back());
    convolveBack(c, static_cast<const float*>(x.data), static_cast<const float*>(ct.data), static_cast<float*>(host.output(0, shape)), host);
  }

  static void infer(const Inference& inference) {
    const InferredShape x = inference.input(0), ct = inference.input(1);
    if (x.dims.empty() || ct.dims.empty()) return;
    InferredShape out{x.type, kernelShape(convAttributes(inference), inference.ints("window"), x.dims.back(), ct.dims.back()), {}, true};
    out.names.resize(out.dims.size());
    inference.setOutput(0, out);
  }

 private:
  static Shape kernelShape(const ConvAttributes& attributes, const std::vector<int64_t>& window, int64_t channels, int64_t features) {
    if (attributes.depthwise) channels = 1;
    Shape shape = window;
    if (attributes.windowLast) shape.insert(shape.begin(), {features, channels});
    else shape.insert(shape.end(), {channels, features});
    return shape;
  }

  ConvAttributes attributes_;
  std::vector<int64_t> window_;
};

}  // namespace hokku
