#include "backend.h"

int main(int argc, char** argv) {
  onnxpack::ort_backend::OrtBackend backend;
  return onnxpack::protocol::serve(argc, argv, backend);
}
