#include "modifier_compiler.h"

#include <map>

namespace onnxpack::transform {

using flex::Op;
using flex::Type;

namespace {

const std::map<std::string_view, Op>& plain_operators() {
  static const std::map<std::string_view, Op> table = {{"Add", Op::add},
                                                       {"Sub", Op::subtract},
                                                       {"Mul", Op::multiply},
                                                       {"Div", Op::divide},
                                                       {"Pow", Op::power},
                                                       {"Neg", Op::negate},
                                                       {"Abs", Op::absolute},
                                                       {"Sqrt", Op::square_root},
                                                       {"Exp", Op::exponential},
                                                       {"Log", Op::logarithm},
                                                       {"Tanh", Op::hyperbolic_tangent},
                                                       {"Sigmoid", Op::sigmoid},
                                                       {"Erf", Op::error_function},
                                                       {"Sin", Op::sine},
                                                       {"Cos", Op::cosine},
                                                       {"Floor", Op::floor},
                                                       {"Ceil", Op::ceiling},
                                                       {"Round", Op::round},
                                                       {"Sign", Op::sign},
                                                       {"Not", Op::logical_not},
                                                       {"IsNaN", Op::is_nan},
                                                       {"Equal", Op::equal},
                                                       {"Less", Op::less},
                                                       {"LessOrEqual", Op::less_equal},
                                                       {"And", Op::logical_and},
                                                       {"Or", Op::logical_or},
                                                       {"Xor", Op::logical_xor},
                                                       {"Where", Op::select}};
  return table;
}

}  // namespace

std::optional<Value> ModifierCompiler::elementwise(const Node& node) {
  const std::string& op = node.op_type();
  if (auto found = plain_operators().find(op); found != plain_operators().end()) {
    std::vector<const Value*> arguments;
    for (int i = 0; i < node.input_size(); ++i) arguments.push_back(&input(node, i));
    if (arguments.size() != flex::arity(found->second))
      throw NotTileable("a wrong number of inputs");
    for (const Value* value : arguments) {
      if (found->second != Op::select) no_narrow(*value);
    }
    if (op == "Pow" && arguments[0]->type != arguments[1]->type) {
      const Value exponent = map(Op::cast, {arguments[1]}, arguments[0]->type);
      return map(Op::power, *arguments[0], exponent);
    }
    return map(found->second, arguments);
  }
  if (op == "Greater" || op == "GreaterOrEqual")
    return map(op == "Greater" ? Op::less : Op::less_equal, input(node, 1), input(node, 0));
  if (op == "Min" || op == "Max") {
    Value out = input(node, 0);
    for (int i = 1; i < node.input_size(); ++i)
      out = map(op == "Min" ? Op::minimum : Op::maximum, out, input(node, i));
    return out;
  }
  if (op == "Sum") {
    Value out = input(node, 0);
    for (int i = 1; i < node.input_size(); ++i) out = map(Op::add, out, input(node, i));
    return out;
  }
  if (op == "Mod") {
    const Op kind = integer(node, "fmod", 0) != 0 ? Op::remainder : Op::modulo;
    return map(kind, input(node, 0), input(node, 1));
  }
  return std::nullopt;
}

// Operators with a short form in others.
std::optional<Value> ModifierCompiler::composed(const Node& node) {
  const std::string& op = node.op_type();
  if (op == "Identity") return input(node, 0);
  if (op == "Cast") return cast(input(node, 0), integer(node, "to", 0));
  if (op == "Clip") return clip(node);
  if (op == "QuantizeLinear") return quantize(node);
  if (op == "DequantizeLinear") return dequantize(node);
  if (op == "CastLike") return map(Op::cast, {&input(node, 0)}, input(node, 1).type);
  if (op == "Reciprocal") return map(Op::divide, number(input(node, 0).type, 1), input(node, 0));
  if (op == "Relu") return map(Op::maximum, input(node, 0), number(input(node, 0).type, 0));
  if (op == "LeakyRelu") {
    const Value& x = input(node, 0);
    const Value zero = number(x.type, 0);
    const Value below = map(Op::less, x, zero);
    const Value scaled =
        map(Op::multiply, x, number(x.type, static_cast<double>(real(node, "alpha", 0.01F))));
    return map(Op::select, {&below, &scaled, &x});
  }
  if (op == "Softplus") {
    const Value& x = input(node, 0);
    // log(1 + e^x) = max(x, 0) + log(1 + e^-|x|), which does not overflow.
    const Value magnitude = map(Op::absolute, {&x});
    const Value negative = map(Op::negate, {&magnitude});
    const Value decay = map(Op::exponential, {&negative});
    const Value one_more = map(Op::add, decay, number(x.type, 1));
    const Value logarithm = map(Op::logarithm, {&one_more});
    return map(Op::add, map(Op::maximum, x, number(x.type, 0)), logarithm);
  }
  if (op == "IsInf") {
    const Value& x = input(node, 0);
    const Value zero = number(x.type, 0);
    Value out = map(Op::is_infinite, {&x});
    if (integer(node, "detect_positive", 1) == 0)
      out = map(Op::logical_and, out, map(Op::less, x, zero));
    if (integer(node, "detect_negative", 1) == 0)
      out = map(Op::logical_and, out, map(Op::less, zero, x));
    return out;
  }
  return std::nullopt;
}

Value ModifierCompiler::clip(const Node& node) {
  Value out = input(node, 0);
  if (has_input(node, 1)) out = map(Op::maximum, out, input(node, 1));
  if (has_input(node, 2)) out = map(Op::minimum, out, input(node, 2));
  return out;
}

}  // namespace onnxpack::transform
