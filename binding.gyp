# For people who build from source where CMake is missing; CMakeLists.txt says why each option is there.
{
  'targets': [{
    'target_name': 'hokku',
    'sources': ['<!@(node -p "[\'native\', \'native/kernels\'].flatMap(d => require(\'fs\').readdirSync(d).filter(f => f.endsWith(\'.cc\')).map(f => d + \'/\' + f)).join(\' \')")'],
    'include_dirs': ['native', '<!(node -p "require(\'node-api-headers\').include_dir")', '<!(node -p "require(\'node-addon-api\').include_dir")'],
    'defines': ['NAPI_VERSION=9', 'NAPI_CPP_EXCEPTIONS', 'NODE_ADDON_API_DISABLE_DEPRECATED'],
    'cflags!': ['-fno-exceptions'],
    'cflags_cc!': ['-fno-exceptions', '-fno-rtti', '-std=gnu++17'],
    'cflags_cc': ['-std=c++20', '-O3', '-ffp-contract=off', '-fvisibility=hidden', '-Wno-missing-field-initializers'],
    'xcode_settings': {
      'GCC_ENABLE_CPP_EXCEPTIONS': 'YES',
      'CLANG_CXX_LANGUAGE_STANDARD': 'c++20',
      'GCC_SYMBOLS_PRIVATE_EXTERN': 'YES',
      'OTHER_CPLUSPLUSFLAGS': ['-ffp-contract=off'],
    },
    'msvs_settings': {'VCCLCompilerTool': {'ExceptionHandling': 1, 'AdditionalOptions': ['/std:c++20']}},
  }],
}
