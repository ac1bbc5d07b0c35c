/**
 * The part of ONNX Runtime's C ABI that hokku uses, declared in slot order, because no package ships its headers.
 *
 * Tables are append-only and a slot never changes its meaning; slots which nobody here calls are fillers named after
 * their first slot. `ort_api_slots.cc` checks every slot against its number.
 */
#pragma once

#include <cstddef>
#include <cstdint>

/** The newest slot below came with this version; every engine must have it. */
#define HOKKU_ORT_API_VERSION 24

#ifdef _WIN32
using ORTCHAR_T = wchar_t;
#else
using ORTCHAR_T = char;
#endif

struct OrtArenaCfg;
struct OrtCUDAProviderOptionsV2;
struct OrtCheckpointState;
struct OrtCustomOpDomain;
struct OrtEnv;
struct OrtIoBinding;
struct OrtKernelContext;
struct OrtKernelInfo;
struct OrtKeyValuePairs;
struct OrtLogger;
struct OrtMemoryInfo;
struct OrtOpAttr;
struct OrtRunOptions;
struct OrtSession;
struct OrtSessionOptions;
struct OrtShapeInferContext;
struct OrtStatus;
struct OrtTensorTypeAndShapeInfo;
struct OrtThreadingOptions;
struct OrtTrainingSession;
struct OrtTypeInfo;
struct OrtValue;
struct OrtCustomOp;
struct OrtTrainingApi;

enum OrtErrorCode : int { ORT_OK = 0, ORT_FAIL = 1, ORT_INVALID_ARGUMENT = 2, ORT_NO_SUCHFILE = 3, ORT_NO_MODEL = 4,
      ORT_ENGINE_ERROR = 5, ORT_RUNTIME_EXCEPTION = 6, ORT_INVALID_PROTOBUF = 7, ORT_MODEL_LOADED = 8,
      ORT_NOT_IMPLEMENTED = 9, ORT_INVALID_GRAPH = 10, ORT_EP_FAIL = 11, ORT_MODEL_LOAD_CANCELED = 12,
      ORT_MODEL_REQUIRES_COMPILATION = 13, ORT_NOT_FOUND = 14, ORT_DEVICE_RESET = 15 };
enum ONNXTensorElementDataType : int { ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED = 0,
      ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT = 1, ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8 = 2,
      ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8 = 3, ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT16 = 4,
      ONNX_TENSOR_ELEMENT_DATA_TYPE_INT16 = 5, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32 = 6,
      ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64 = 7, ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING = 8,
      ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL = 9, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16 = 10,
      ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE = 11, ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT32 = 12,
      ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT64 = 13, ONNX_TENSOR_ELEMENT_DATA_TYPE_COMPLEX64 = 14,
      ONNX_TENSOR_ELEMENT_DATA_TYPE_COMPLEX128 = 15, ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16 = 16 };
enum ONNXType : int { ONNX_TYPE_UNKNOWN = 0, ONNX_TYPE_TENSOR = 1, ONNX_TYPE_SEQUENCE = 2, ONNX_TYPE_MAP = 3,
      ONNX_TYPE_OPAQUE = 4, ONNX_TYPE_SPARSETENSOR = 5, ONNX_TYPE_OPTIONAL = 6 };
enum OrtLoggingLevel : int { ORT_LOGGING_LEVEL_VERBOSE = 0, ORT_LOGGING_LEVEL_INFO = 1, ORT_LOGGING_LEVEL_WARNING = 2,
      ORT_LOGGING_LEVEL_ERROR = 3, ORT_LOGGING_LEVEL_FATAL = 4 };
enum GraphOptimizationLevel : int { ORT_DISABLE_ALL = 0, ORT_ENABLE_BASIC = 1, ORT_ENABLE_EXTENDED = 2,
      ORT_ENABLE_LAYOUT = 3, ORT_ENABLE_ALL = 99 };
enum ExecutionMode : int { ORT_SEQUENTIAL = 0, ORT_PARALLEL = 1 };
enum OrtAllocatorType : int { OrtInvalidAllocator = -1, OrtDeviceAllocator = 0, OrtArenaAllocator = 1,
      OrtReadOnlyAllocator = 2 };
enum OrtMemType : int { OrtMemTypeCPUInput = -2, OrtMemTypeCPUOutput = -1, OrtMemTypeCPU = -1, OrtMemTypeDefault = 0 };
enum OrtMemoryInfoDeviceType : int { OrtMemoryInfoDeviceType_CPU = 0, OrtMemoryInfoDeviceType_GPU = 1,
      OrtMemoryInfoDeviceType_FPGA = 2, OrtMemoryInfoDeviceType_NPU = 3 };
enum OrtLanguageProjection : int { ORT_PROJECTION_C = 0, ORT_PROJECTION_CPLUSPLUS = 1, ORT_PROJECTION_CSHARP = 2,
      ORT_PROJECTION_PYTHON = 3, ORT_PROJECTION_JAVA = 4, ORT_PROJECTION_WINML = 5, ORT_PROJECTION_NODEJS = 6 };
enum OrtPropertyType : int { OrtIntProperty = 0, OrtFloatProperty = 1, OrtStringProperty = 2 };
enum OrtCustomOpInputOutputCharacteristic : int { INPUT_OUTPUT_REQUIRED = 0, INPUT_OUTPUT_OPTIONAL = 1,
      INPUT_OUTPUT_VARIADIC = 2 };
enum OrtOpAttrType : int { ORT_OP_ATTR_UNDEFINED = 0, ORT_OP_ATTR_INT = 1, ORT_OP_ATTR_INTS = 2, ORT_OP_ATTR_FLOAT = 3,
      ORT_OP_ATTR_FLOATS = 4, ORT_OP_ATTR_STRING = 5, ORT_OP_ATTR_STRINGS = 6 };

using OrtLoggingFunction = void (*)(void* param, OrtLoggingLevel severity, const char* category, const char* logid,
                                    const char* code_location, const char* message);

/** Grows with the version: only the fields that every version has. */
struct OrtAllocator {
  uint32_t version;
  void* (*Alloc)(OrtAllocator* self, size_t size);
  void (*Free)(OrtAllocator* self, void* memory);
  const OrtMemoryInfo* (*Info)(const OrtAllocator* self);
};

struct OrtApi {
  OrtStatus* (*CreateStatus)(OrtErrorCode code, const char* msg);
  OrtErrorCode (*GetErrorCode)(const OrtStatus* status);
  const char* (*GetErrorMessage)(const OrtStatus* status);
  OrtStatus* (*CreateEnv)(OrtLoggingLevel log_severity_level, const char* logid, OrtEnv** out);
  OrtStatus* (*CreateEnvWithCustomLogger)(OrtLoggingFunction logging_function, void* logger_param,
      OrtLoggingLevel log_severity_level, const char* logid, OrtEnv** out);
  void* slots_5[1];
  OrtStatus* (*DisableTelemetryEvents)(const OrtEnv* env);
  OrtStatus* (*CreateSession)(const OrtEnv* env, const ORTCHAR_T* model_path, const OrtSessionOptions* options,
      OrtSession** out);
  OrtStatus* (*CreateSessionFromArray)(const OrtEnv* env, const void* model_data, size_t model_data_length,
      const OrtSessionOptions* options, OrtSession** out);
  OrtStatus* (*Run)(OrtSession* session, const OrtRunOptions* run_options, const char* const* input_names,
      const OrtValue* const* inputs, size_t input_len, const char* const* output_names, size_t output_names_len,
      OrtValue** outputs);
  OrtStatus* (*CreateSessionOptions)(OrtSessionOptions** options);
  OrtStatus* (*SetOptimizedModelFilePath)(OrtSessionOptions* options, const ORTCHAR_T* optimized_model_filepath);
  OrtStatus* (*CloneSessionOptions)(const OrtSessionOptions* in_options, OrtSessionOptions** out_options);
  OrtStatus* (*SetSessionExecutionMode)(OrtSessionOptions* options, ExecutionMode execution_mode);
  OrtStatus* (*EnableProfiling)(OrtSessionOptions* options, const ORTCHAR_T* profile_file_prefix);
  OrtStatus* (*DisableProfiling)(OrtSessionOptions* options);
  OrtStatus* (*EnableMemPattern)(OrtSessionOptions* options);
  OrtStatus* (*DisableMemPattern)(OrtSessionOptions* options);
  OrtStatus* (*EnableCpuMemArena)(OrtSessionOptions* options);
  OrtStatus* (*DisableCpuMemArena)(OrtSessionOptions* options);
  OrtStatus* (*SetSessionLogId)(OrtSessionOptions* options, const char* logid);
  OrtStatus* (*SetSessionLogVerbosityLevel)(OrtSessionOptions* options, int session_log_verbosity_level);
  OrtStatus* (*SetSessionLogSeverityLevel)(OrtSessionOptions* options, int session_log_severity_level);
  OrtStatus* (*SetSessionGraphOptimizationLevel)(OrtSessionOptions* options,
      GraphOptimizationLevel graph_optimization_level);
  OrtStatus* (*SetIntraOpNumThreads)(OrtSessionOptions* options, int intra_op_num_threads);
  OrtStatus* (*SetInterOpNumThreads)(OrtSessionOptions* options, int inter_op_num_threads);
  OrtStatus* (*CreateCustomOpDomain)(const char* domain, OrtCustomOpDomain** out);
  OrtStatus* (*CustomOpDomain_Add)(OrtCustomOpDomain* custom_op_domain, const OrtCustomOp* op);
  OrtStatus* (*AddCustomOpDomain)(OrtSessionOptions* options, OrtCustomOpDomain* custom_op_domain);
  void* slots_29[1];
  OrtStatus* (*SessionGetInputCount)(const OrtSession* session, size_t* out);
  OrtStatus* (*SessionGetOutputCount)(const OrtSession* session, size_t* out);
  void* slots_32[1];
  OrtStatus* (*SessionGetInputTypeInfo)(const OrtSession* session, size_t index, OrtTypeInfo** type_info);
  OrtStatus* (*SessionGetOutputTypeInfo)(const OrtSession* session, size_t index, OrtTypeInfo** type_info);
  void* slots_35[1];
  OrtStatus* (*SessionGetInputName)(const OrtSession* session, size_t index, OrtAllocator* allocator, char** value);
  OrtStatus* (*SessionGetOutputName)(const OrtSession* session, size_t index, OrtAllocator* allocator, char** value);
  void* slots_38[1];
  OrtStatus* (*CreateRunOptions)(OrtRunOptions** out);
  OrtStatus* (*RunOptionsSetRunLogVerbosityLevel)(OrtRunOptions* options, int log_verbosity_level);
  OrtStatus* (*RunOptionsSetRunLogSeverityLevel)(OrtRunOptions* options, int log_severity_level);
  void* slots_42[4];
  OrtStatus* (*RunOptionsSetTerminate)(OrtRunOptions* options);
  OrtStatus* (*RunOptionsUnsetTerminate)(OrtRunOptions* options);
  OrtStatus* (*CreateTensorAsOrtValue)(OrtAllocator* allocator, const int64_t* shape, size_t shape_len,
      ONNXTensorElementDataType type, OrtValue** out);
  OrtStatus* (*CreateTensorWithDataAsOrtValue)(const OrtMemoryInfo* info, void* p_data, size_t p_data_len,
      const int64_t* shape, size_t shape_len, ONNXTensorElementDataType type, OrtValue** out);
  OrtStatus* (*IsTensor)(const OrtValue* value, int* out);
  OrtStatus* (*GetTensorMutableData)(OrtValue* value, void** out);
  void* slots_52[3];
  OrtStatus* (*CastTypeInfoToTensorInfo)(const OrtTypeInfo* type_info, const OrtTensorTypeAndShapeInfo** out);
  OrtStatus* (*GetOnnxTypeFromTypeInfo)(const OrtTypeInfo* type_info, ONNXType* out);
  OrtStatus* (*CreateTensorTypeAndShapeInfo)(OrtTensorTypeAndShapeInfo** out);
  OrtStatus* (*SetTensorElementType)(OrtTensorTypeAndShapeInfo* info, ONNXTensorElementDataType type);
  OrtStatus* (*SetDimensions)(OrtTensorTypeAndShapeInfo* info, const int64_t* dim_values, size_t dim_count);
  OrtStatus* (*GetTensorElementType)(const OrtTensorTypeAndShapeInfo* info, ONNXTensorElementDataType* out);
  OrtStatus* (*GetDimensionsCount)(const OrtTensorTypeAndShapeInfo* info, size_t* out);
  OrtStatus* (*GetDimensions)(const OrtTensorTypeAndShapeInfo* info, int64_t* dim_values, size_t dim_values_length);
  OrtStatus* (*GetSymbolicDimensions)(const OrtTensorTypeAndShapeInfo* info, const char* dim_params[],
      size_t dim_params_length);
  OrtStatus* (*GetTensorShapeElementCount)(const OrtTensorTypeAndShapeInfo* info, size_t* out);
  OrtStatus* (*GetTensorTypeAndShape)(const OrtValue* value, OrtTensorTypeAndShapeInfo** out);
  OrtStatus* (*GetTypeInfo)(const OrtValue* value, OrtTypeInfo** out);
  OrtStatus* (*GetValueType)(const OrtValue* value, ONNXType* out);
  OrtStatus* (*CreateMemoryInfo)(const char* name, OrtAllocatorType type, int id, OrtMemType mem_type,
      OrtMemoryInfo** out);
  OrtStatus* (*CreateCpuMemoryInfo)(OrtAllocatorType type, OrtMemType mem_type, OrtMemoryInfo** out);
  OrtStatus* (*CompareMemoryInfo)(const OrtMemoryInfo* info1, const OrtMemoryInfo* info2, int* out);
  OrtStatus* (*MemoryInfoGetName)(const OrtMemoryInfo* ptr, const char** out);
  OrtStatus* (*MemoryInfoGetId)(const OrtMemoryInfo* ptr, int* out);
  OrtStatus* (*MemoryInfoGetMemType)(const OrtMemoryInfo* ptr, OrtMemType* out);
  OrtStatus* (*MemoryInfoGetType)(const OrtMemoryInfo* ptr, OrtAllocatorType* out);
  OrtStatus* (*AllocatorAlloc)(OrtAllocator* ort_allocator, size_t size, void** out);
  OrtStatus* (*AllocatorFree)(OrtAllocator* ort_allocator, void* p);
  OrtStatus* (*AllocatorGetInfo)(const OrtAllocator* ort_allocator, const OrtMemoryInfo** out);
  OrtStatus* (*GetAllocatorWithDefaultOptions)(OrtAllocator** out);
  void* slots_79[6];
  OrtStatus* (*KernelInfoGetAttribute_float)(const OrtKernelInfo* info, const char* name, float* out);
  OrtStatus* (*KernelInfoGetAttribute_int64)(const OrtKernelInfo* info, const char* name, int64_t* out);
  OrtStatus* (*KernelInfoGetAttribute_string)(const OrtKernelInfo* info, const char* name, char* out, size_t* size);
  OrtStatus* (*KernelContext_GetInputCount)(const OrtKernelContext* context, size_t* out);
  OrtStatus* (*KernelContext_GetOutputCount)(const OrtKernelContext* context, size_t* out);
  OrtStatus* (*KernelContext_GetInput)(const OrtKernelContext* context, size_t index, const OrtValue** out);
  OrtStatus* (*KernelContext_GetOutput)(OrtKernelContext* context, size_t index, const int64_t* dim_values,
      size_t dim_count, OrtValue** out);
  void (*ReleaseEnv)(OrtEnv* input);
  void (*ReleaseStatus)(OrtStatus* input);
  void (*ReleaseMemoryInfo)(OrtMemoryInfo* input);
  void (*ReleaseSession)(OrtSession* input);
  void (*ReleaseValue)(OrtValue* input);
  void (*ReleaseRunOptions)(OrtRunOptions* input);
  void (*ReleaseTypeInfo)(OrtTypeInfo* input);
  void (*ReleaseTensorTypeAndShapeInfo)(OrtTensorTypeAndShapeInfo* input);
  void (*ReleaseSessionOptions)(OrtSessionOptions* input);
  void (*ReleaseCustomOpDomain)(OrtCustomOpDomain* input);
  void* slots_102[8];
  OrtStatus* (*SessionEndProfiling)(OrtSession* session, OrtAllocator* allocator, char** out);
  void* slots_111[8];
  OrtStatus* (*CreateEnvWithGlobalThreadPools)(OrtLoggingLevel log_severity_level, const char* logid,
      const OrtThreadingOptions* tp_options, OrtEnv** out);
  OrtStatus* (*DisablePerSessionThreads)(OrtSessionOptions* options);
  OrtStatus* (*CreateThreadingOptions)(OrtThreadingOptions** out);
  void (*ReleaseThreadingOptions)(OrtThreadingOptions* input);
  void* slots_123[2];
  OrtStatus* (*GetAvailableProviders)(char*** out_ptr, int* provider_length);
  OrtStatus* (*ReleaseAvailableProviders)(char** ptr, int providers_length);
  void* slots_127[3];
  OrtStatus* (*AddSessionConfigEntry)(OrtSessionOptions* options, const char* config_key, const char* config_value);
  OrtStatus* (*CreateAllocator)(const OrtSession* session, const OrtMemoryInfo* mem_info, OrtAllocator** out);
  void (*ReleaseAllocator)(OrtAllocator* input);
  OrtStatus* (*RunWithBinding)(OrtSession* session, const OrtRunOptions* run_options, const OrtIoBinding* binding_ptr);
  OrtStatus* (*CreateIoBinding)(OrtSession* session, OrtIoBinding** out);
  void (*ReleaseIoBinding)(OrtIoBinding* input);
  OrtStatus* (*BindInput)(OrtIoBinding* binding_ptr, const char* name, const OrtValue* val_ptr);
  OrtStatus* (*BindOutput)(OrtIoBinding* binding_ptr, const char* name, const OrtValue* val_ptr);
  OrtStatus* (*BindOutputToDevice)(OrtIoBinding* binding_ptr, const char* name, const OrtMemoryInfo* mem_info_ptr);
  void* slots_139[2];
  void (*ClearBoundInputs)(OrtIoBinding* binding_ptr);
  void (*ClearBoundOutputs)(OrtIoBinding* binding_ptr);
  void* slots_143[1];
  OrtStatus* (*CreateAndRegisterAllocator)(OrtEnv* env, const OrtMemoryInfo* mem_info, const OrtArenaCfg* arena_cfg);
  OrtStatus* (*SetLanguageProjection)(const OrtEnv* ort_env, OrtLanguageProjection projection);
  void* slots_146[1];
  OrtStatus* (*SetGlobalIntraOpNumThreads)(OrtThreadingOptions* tp_options, int intra_op_num_threads);
  OrtStatus* (*SetGlobalInterOpNumThreads)(OrtThreadingOptions* tp_options, int inter_op_num_threads);
  OrtStatus* (*SetGlobalSpinControl)(OrtThreadingOptions* tp_options, int allow_spinning);
  void* slots_150[1];
  OrtStatus* (*CreateEnvWithCustomLoggerAndGlobalThreadPools)(OrtLoggingFunction logging_function, void* logger_param,
      OrtLoggingLevel log_severity_level, const char* logid, const OrtThreadingOptions* tp_options, OrtEnv** out);
  void* slots_152[3];
  OrtStatus* (*SetGlobalDenormalAsZero)(OrtThreadingOptions* tp_options);
  void* slots_156[6];
  OrtStatus* (*KernelInfoGetAttributeArray_float)(const OrtKernelInfo* info, const char* name, float* out,
      size_t* size);
  OrtStatus* (*KernelInfoGetAttributeArray_int64)(const OrtKernelInfo* info, const char* name, int64_t* out,
      size_t* size);
  void* slots_164[1];
  OrtStatus* (*AddRunConfigEntry)(OrtRunOptions* options, const char* config_key, const char* config_value);
  void* slots_166[27];
  OrtStatus* (*KernelContext_GetGPUComputeStream)(const OrtKernelContext* context, void** out);
  OrtStatus* (*GetTensorMemoryInfo)(const OrtValue* value, const OrtMemoryInfo** mem_info);
  void* slots_195[7];
  OrtStatus* (*SynchronizeBoundInputs)(OrtIoBinding* binding_ptr);
  OrtStatus* (*SynchronizeBoundOutputs)(OrtIoBinding* binding_ptr);
  OrtStatus* (*SessionOptionsAppendExecutionProvider_CUDA_V2)(OrtSessionOptions* options,
      const OrtCUDAProviderOptionsV2* cuda_options);
  OrtStatus* (*CreateCUDAProviderOptions)(OrtCUDAProviderOptionsV2** out);
  OrtStatus* (*UpdateCUDAProviderOptions)(OrtCUDAProviderOptionsV2* cuda_options,
      const char* const* provider_options_keys, const char* const* provider_options_values, size_t num_keys);
  void* slots_207[1];
  void (*ReleaseCUDAProviderOptions)(OrtCUDAProviderOptionsV2* input);
  void* slots_209[2];
  OrtStatus* (*CreateOpAttr)(const char* name, const void* data, int len, OrtOpAttrType type, OrtOpAttr** op_attr);
  void (*ReleaseOpAttr)(OrtOpAttr* input);
  void* slots_213[4];
  OrtStatus* (*CopyKernelInfo)(const OrtKernelInfo* info, OrtKernelInfo** info_copy);
  void (*ReleaseKernelInfo)(OrtKernelInfo* input);
  const OrtTrainingApi* (*GetTrainingApi)(uint32_t version);
  void* slots_220[5];
  void (*MemoryInfoGetDeviceType)(const OrtMemoryInfo* ptr, OrtMemoryInfoDeviceType* out);
  OrtStatus* (*UpdateEnvWithCustomLogLevel)(OrtEnv* ort_env, OrtLoggingLevel log_severity_level);
  void* slots_227[3];
  OrtStatus* (*KernelInfo_GetInputCount)(const OrtKernelInfo* info, size_t* out);
  OrtStatus* (*KernelInfo_GetOutputCount)(const OrtKernelInfo* info, size_t* out);
  OrtStatus* (*KernelInfo_GetInputName)(const OrtKernelInfo* info, size_t index, char* out, size_t* size);
  OrtStatus* (*KernelInfo_GetOutputName)(const OrtKernelInfo* info, size_t index, char* out, size_t* size);
  OrtStatus* (*KernelInfo_GetInputTypeInfo)(const OrtKernelInfo* info, size_t index, OrtTypeInfo** type_info);
  OrtStatus* (*KernelInfo_GetOutputTypeInfo)(const OrtKernelInfo* info, size_t index, OrtTypeInfo** type_info);
  OrtStatus* (*KernelInfoGetAttribute_tensor)(const OrtKernelInfo* info, const char* name, OrtAllocator* allocator,
      OrtValue** out);
  OrtStatus* (*HasSessionConfigEntry)(const OrtSessionOptions* options, const char* config_key, int* out);
  OrtStatus* (*GetSessionConfigEntry)(const OrtSessionOptions* options, const char* config_key, char* config_value,
      size_t* size);
  void* slots_239[5];
  OrtStatus* (*KernelInfo_GetNodeName)(const OrtKernelInfo* info, char* out, size_t* size);
  OrtStatus* (*KernelInfo_GetLogger)(const OrtKernelInfo* info, const OrtLogger** logger);
  OrtStatus* (*KernelContext_GetLogger)(const OrtKernelContext* context, const OrtLogger** logger);
  OrtStatus* (*Logger_LogMessage)(const OrtLogger* logger, OrtLoggingLevel log_severity_level, const char* message,
      const ORTCHAR_T* file_path, int line_number, const char* func_name);
  OrtStatus* (*Logger_GetLoggingSeverityLevel)(const OrtLogger* logger, OrtLoggingLevel* out);
  OrtStatus* (*KernelInfoGetConstantInput_tensor)(const OrtKernelInfo* info, size_t index, int* is_constant,
      const OrtValue** out);
  void* slots_250[3];
  OrtStatus* (*KernelContext_GetAllocator)(const OrtKernelContext* context, const OrtMemoryInfo* mem_info,
      OrtAllocator** out);
  const char* (*GetBuildInfoString)();
  void* slots_255[8];
  OrtStatus* (*UpdateCUDAProviderOptionsWithValue)(OrtCUDAProviderOptionsV2* cuda_options, const char* key,
      void* value);
  void* slots_264[1];
  OrtStatus* (*KernelContext_GetResource)(const OrtKernelContext* context, int resource_version, int resource_id,
      void** resource);
  OrtStatus* (*SetUserLoggingFunction)(OrtSessionOptions* options, OrtLoggingFunction user_logging_function,
      void* user_logging_param);
  OrtStatus* (*ShapeInferContext_GetInputCount)(const OrtShapeInferContext* context, size_t* out);
  OrtStatus* (*ShapeInferContext_GetInputTypeShape)(const OrtShapeInferContext* context, size_t index,
      OrtTensorTypeAndShapeInfo** info);
  OrtStatus* (*ShapeInferContext_GetAttribute)(const OrtShapeInferContext* context, const char* attr_name,
      const OrtOpAttr** attr);
  OrtStatus* (*ShapeInferContext_SetOutputTypeShape)(const OrtShapeInferContext* context, size_t index,
      const OrtTensorTypeAndShapeInfo* info);
  OrtStatus* (*SetSymbolicDimensions)(OrtTensorTypeAndShapeInfo* info, const char* dim_params[],
      size_t dim_params_length);
  OrtStatus* (*ReadOpAttr)(const OrtOpAttr* op_attr, OrtOpAttrType type, void* data, size_t len, size_t* out);
  OrtStatus* (*SetDeterministicCompute)(OrtSessionOptions* options, bool value);
  OrtStatus* (*KernelContext_ParallelFor)(const OrtKernelContext* context, void (* fn)(void*, size_t), size_t total,
      size_t num_batch, void* usr_data);
  void* slots_275[2];
  OrtStatus* (*KernelContext_GetScratchBuffer)(const OrtKernelContext* context, const OrtMemoryInfo* mem_info,
      size_t count_or_bytes, void** out);
  OrtStatus* (*KernelInfoGetAllocator)(const OrtKernelInfo* info, OrtMemType mem_type, OrtAllocator** out);
  void* slots_279[39];
  OrtStatus* (*GetTensorSizeInBytes)(const OrtValue* ort_value, size_t* size);
  void* slots_319[43];
  OrtStatus* (*OpAttr_GetTensorAttributeAsOrtValue)(const OrtOpAttr* attribute, OrtValue** attr_tensor);
  OrtStatus* (*OpAttr_GetType)(const OrtOpAttr* attribute, OrtOpAttrType* type);
  OrtStatus* (*OpAttr_GetName)(const OrtOpAttr* attribute, const char** name);
  void* slots_365[13];
  OrtStatus* (*GetTensorData)(const OrtValue* value, const void** out);
  void* slots_379[11];
  bool (*TensorTypeAndShape_HasShape)(const OrtTensorTypeAndShapeInfo* info);
  OrtStatus* (*KernelInfo_GetConfigEntries)(const OrtKernelInfo* info, OrtKeyValuePairs** out);
  OrtStatus* (*KernelInfo_GetOperatorDomain)(const OrtKernelInfo* info, char* out, size_t* size);
  OrtStatus* (*KernelInfo_GetOperatorType)(const OrtKernelInfo* info, char* out, size_t* size);
  OrtStatus* (*KernelInfo_GetOperatorSinceVersion)(const OrtKernelInfo* info, int* since_version);
  void* slots_395[19];
  OrtStatus* (*GetTensorElementTypeAndShapeDataReference)(const OrtValue* value, ONNXTensorElementDataType* elem_type,
      const int64_t** shape_data, size_t* shape_data_count);
};

struct OrtTrainingApi {
  OrtStatus* (*LoadCheckpoint)(const ORTCHAR_T* checkpoint_path, OrtCheckpointState** checkpoint_state);
  OrtStatus* (*SaveCheckpoint)(OrtCheckpointState* checkpoint_state, const ORTCHAR_T* checkpoint_path,
      const bool include_optimizer_state);
  OrtStatus* (*CreateTrainingSession)(const OrtEnv* env, const OrtSessionOptions* options,
      OrtCheckpointState* checkpoint_state, const ORTCHAR_T* train_model_path, const ORTCHAR_T* eval_model_path,
      const ORTCHAR_T* optimizer_model_path, OrtTrainingSession** out);
  OrtStatus* (*CreateTrainingSessionFromBuffer)(const OrtEnv* env, const OrtSessionOptions* options,
      OrtCheckpointState* checkpoint_state, const void* train_model_data, size_t train_data_length,
      const void* eval_model_data, size_t eval_data_length, const void* optim_model_data, size_t optim_data_length,
      OrtTrainingSession** out);
  OrtStatus* (*TrainingSessionGetTrainingModelOutputCount)(const OrtTrainingSession* sess, size_t* out);
  OrtStatus* (*TrainingSessionGetEvalModelOutputCount)(const OrtTrainingSession* sess, size_t* out);
  OrtStatus* (*TrainingSessionGetTrainingModelOutputName)(const OrtTrainingSession* sess, size_t index,
      OrtAllocator* allocator, char** output);
  OrtStatus* (*TrainingSessionGetEvalModelOutputName)(const OrtTrainingSession* sess, size_t index,
      OrtAllocator* allocator, char** output);
  OrtStatus* (*LazyResetGrad)(OrtTrainingSession* session);
  OrtStatus* (*TrainStep)(OrtTrainingSession* sess, const OrtRunOptions* run_options, size_t inputs_len,
      const OrtValue* const* inputs, size_t outputs_len, OrtValue** outputs);
  OrtStatus* (*EvalStep)(const OrtTrainingSession* sess, const OrtRunOptions* run_options, size_t inputs_len,
      const OrtValue* const* inputs, size_t outputs_len, OrtValue** outputs);
  OrtStatus* (*SetLearningRate)(OrtTrainingSession* sess, float learning_rate);
  OrtStatus* (*GetLearningRate)(OrtTrainingSession* sess, float* learning_rate);
  OrtStatus* (*OptimizerStep)(OrtTrainingSession* sess, const OrtRunOptions* run_options);
  OrtStatus* (*RegisterLinearLRScheduler)(OrtTrainingSession* sess, const int64_t warmup_step_count,
      const int64_t total_step_count, const float initial_lr);
  OrtStatus* (*SchedulerStep)(OrtTrainingSession* sess);
  OrtStatus* (*GetParametersSize)(OrtTrainingSession* sess, size_t* out, bool trainable_only);
  OrtStatus* (*CopyParametersToBuffer)(OrtTrainingSession* sess, OrtValue* parameters_buffer, bool trainable_only);
  OrtStatus* (*CopyBufferToParameters)(OrtTrainingSession* sess, OrtValue* parameters_buffer, bool trainable_only);
  void (*ReleaseTrainingSession)(OrtTrainingSession* input);
  void (*ReleaseCheckpointState)(OrtCheckpointState* input);
  OrtStatus* (*ExportModelForInferencing)(OrtTrainingSession* sess, const ORTCHAR_T* inference_model_path,
      size_t graph_outputs_len, const char* const* graph_output_names);
  OrtStatus* (*SetSeed)(const int64_t seed);
  OrtStatus* (*TrainingSessionGetTrainingModelInputCount)(const OrtTrainingSession* sess, size_t* out);
  OrtStatus* (*TrainingSessionGetEvalModelInputCount)(const OrtTrainingSession* sess, size_t* out);
  OrtStatus* (*TrainingSessionGetTrainingModelInputName)(const OrtTrainingSession* sess, size_t index,
      OrtAllocator* allocator, char** output);
  OrtStatus* (*TrainingSessionGetEvalModelInputName)(const OrtTrainingSession* sess, size_t index,
      OrtAllocator* allocator, char** output);
  OrtStatus* (*AddProperty)(OrtCheckpointState* checkpoint_state, const char* property_name,
      OrtPropertyType property_type, void* property_value);
  OrtStatus* (*GetProperty)(const OrtCheckpointState* checkpoint_state, const char* property_name,
      OrtAllocator* allocator, OrtPropertyType* property_type, void** property_value);
  OrtStatus* (*LoadCheckpointFromBuffer)(const void* checkpoint_buffer, const size_t num_bytes,
      OrtCheckpointState** checkpoint_state);
  OrtStatus* (*GetParameterTypeAndShape)(const OrtCheckpointState* checkpoint_state, const char* parameter_name,
      OrtTensorTypeAndShapeInfo** parameter_type_and_shape);
  OrtStatus* (*UpdateParameter)(OrtCheckpointState* checkpoint_state, const char* parameter_name, OrtValue* parameter);
  OrtStatus* (*GetParameter)(const OrtCheckpointState* checkpoint_state, const char* parameter_name,
      OrtAllocator* allocator, OrtValue** parameter);
};

struct OrtApiBase {
  const OrtApi* (*GetApi)(uint32_t version);
  const char* (*GetVersionString)();
};

/**
 * What a custom operator fills in; its own data comes after this struct. `version` is the API version got from the
 * engine, which reads only the fields of that version: set the rest to null.
 */
struct OrtCustomOp {
  uint32_t version;
  void* (*CreateKernel)(const OrtCustomOp* op, const OrtApi* api, const OrtKernelInfo* info);
  const char* (*GetName)(const OrtCustomOp* op);
  /** Null: CPU. */
  const char* (*GetExecutionProviderType)(const OrtCustomOp* op);
  /** Undefined (0): any type. */
  ONNXTensorElementDataType (*GetInputType)(const OrtCustomOp* op, size_t index);
  size_t (*GetInputTypeCount)(const OrtCustomOp* op);
  ONNXTensorElementDataType (*GetOutputType)(const OrtCustomOp* op, size_t index);
  size_t (*GetOutputTypeCount)(const OrtCustomOp* op);
  void (*KernelCompute)(void* kernel, OrtKernelContext* context);
  void (*KernelDestroy)(void* kernel);
  OrtCustomOpInputOutputCharacteristic (*GetInputCharacteristic)(const OrtCustomOp* op, size_t index);
  OrtCustomOpInputOutputCharacteristic (*GetOutputCharacteristic)(const OrtCustomOp* op, size_t index);
  OrtMemType (*GetInputMemoryType)(const OrtCustomOp* op, size_t index);
  int (*GetVariadicInputMinArity)(const OrtCustomOp* op);
  /** 0 allows mixed types. */
  int (*GetVariadicInputHomogeneity)(const OrtCustomOp* op);
  int (*GetVariadicOutputMinArity)(const OrtCustomOp* op);
  int (*GetVariadicOutputHomogeneity)(const OrtCustomOp* op);
  OrtStatus* (*CreateKernelV2)(const OrtCustomOp* op, const OrtApi* api, const OrtKernelInfo* info, void** kernel);
  OrtStatus* (*KernelComputeV2)(void* kernel, OrtKernelContext* context);
  OrtStatus* (*InferOutputShapeFn)(const OrtCustomOp* op, OrtShapeInferContext* context);
  int (*GetStartVersion)(const OrtCustomOp* op);
  int (*GetEndVersion)(const OrtCustomOp* op);
  /** Output `outputs[i]` may reuse input `inputs[i]`; these four do not receive `op`. */
  size_t (*GetMayInplace)(int** inputs, int** outputs);
  void (*ReleaseMayInplace)(int* inputs, int* outputs);
  /** The same, but always. */
  size_t (*GetAliasMap)(int** inputs, int** outputs);
  void (*ReleaseAliasMap)(int* inputs, int* outputs);
};
