// Between the door (a program without OpenVINO) and the module (a shared library linked against
// it). A C++ library's version is in its file name and its classes change between releases, so the
// module is bound to the release it was built with.
#pragma once

namespace onnxpack::openvino_backend {

// What the module exports: protocol::serve() with the real backend. `library` is the path of the
// OpenVINO that was loaded, `digest` the SHA-256 of the module, part of the build key: the digest
// of the program that the host computes sees the door alone.
using ServeFunction = int (*)(int argc, char** argv, const char* library, const char* digest);
inline constexpr const char* serve_symbol = "onnxpack_openvino_serve";

inline constexpr const char* module_file = "onnxpack-openvino.so";
inline constexpr const char* library_variable = "ONNXPACK_OPENVINO_LIBRARY";

}  // namespace onnxpack::openvino_backend
