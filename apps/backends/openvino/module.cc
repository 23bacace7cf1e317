#include "module.h"

#include "backend.h"

extern "C" __attribute__((visibility("default"))) int onnxpack_openvino_serve(int argc, char** argv,
                                                                              const char* library,
                                                                              const char* digest) {
  onnxpack::openvino_backend::OpenVinoBackend backend(library, digest);
  return onnxpack::protocol::serve(argc, argv, backend);
}
