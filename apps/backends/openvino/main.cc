// The door: finds OpenVINO, then the module that is linked against it. Neither here is an answer,
// not a program that does not start.
#include "absent.h"
#include "library.h"

int main(int argc, char** argv) {
  using namespace onnxpack::openvino_backend;
  auto loaded = load_module();
  if (!loaded) {
    AbsentBackend backend(loaded.error());
    return onnxpack::protocol::serve(argc, argv, backend);
  }
  return loaded->serve(argc, argv, loaded->openvino.c_str(), own_module_sha256);
}
