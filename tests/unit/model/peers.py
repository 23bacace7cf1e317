"""Compares what unit_model's probe finds and writes with onnx's own Python package, over onnx's node tests and real models.

usage: peers.py UNIT_MODEL [FOLDER_OF_MODELS]     (exit 77: onnx is not installed, nothing was run)

For every model: facts (versions, inputs, outputs, nodes, constants with shapes and sizes) against onnx's reader; the annotated
model passes onnx's checker where the original did, is equal to it but for metadata, and computes the same in ONNX Runtime; strip
gives the original's bytes; scope digests are those of scope_digest.py.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import warnings

warnings.simplefilter("ignore")  # the node tests' own overflows

try:
    import numpy as np
    import onnx
except ImportError:
    print("SKIPPED: the onnx Python package is not installed")
    sys.exit(77)
try:
    from scope_digest import scope_digest
except ImportError:
    scope_digest = None
    print("NOT RUN: scope digests against scope_digest.py, the xxhash package is not installed")
try:
    import onnxruntime
except ImportError:
    onnxruntime = None

MODELS_OF_SETUP = os.path.join(os.path.dirname(__file__), "..", "..", "..", ".deps", "models")


def node_tests(folder):
    from onnx.backend.test.case.node import collect_testcases

    count = 0
    for case in collect_testcases(None):
        with open(os.path.join(folder, f"{case.name}.onnx"), "wb") as file:
            file.write(case.model.SerializeToString())
        count += 1
    return count


def variants_of(model, name, folder):
    """The same model in other storage forms and IR versions."""
    external = onnx.ModelProto()
    external.CopyFrom(model)
    onnx.save_model(external, os.path.join(folder, f"{name}.external.onnx"), save_as_external_data=True,
                    location=f"{name}.weights", size_threshold=0, convert_attribute=True)
    for ir in (3, 7, 10, 13, 14):
        other = onnx.ModelProto()
        other.CopyFrom(model)
        other.ir_version = ir
        onnx.save(other, os.path.join(folder, f"{name}.ir{ir}.onnx"))


def real_models(folder):
    count = 0
    for name in sorted(os.listdir(MODELS_OF_SETUP) if os.path.isdir(MODELS_OF_SETUP) else []):
        if not name.endswith(".onnx"):
            continue
        model = onnx.load(os.path.join(MODELS_OF_SETUP, name))
        onnx.save(model, os.path.join(folder, name))
        if os.path.getsize(os.path.join(folder, name)) < 5_000_000:
            variants_of(model, name.removesuffix(".onnx"), folder)
        count += 1
    return count


def type_text(t):
    kind = t.WhichOneof("value")
    elem = lambda n: {"FLOAT": "float", "DOUBLE": "double", "BOOL": "bool"}.get(
        onnx.TensorProto.DataType.Name(n), onnx.TensorProto.DataType.Name(n).lower())
    if kind == "tensor_type":
        return f"tensor({elem(t.tensor_type.elem_type)})"
    if kind == "sparse_tensor_type":
        return f"sparse_tensor({elem(t.sparse_tensor_type.elem_type)})"
    if kind == "sequence_type":
        return f"seq({type_text(t.sequence_type.elem_type)})"
    if kind == "optional_type":
        return f"optional({type_text(t.optional_type.elem_type)})"
    if kind == "map_type":
        return f"map({elem(t.map_type.key_type)},{type_text(t.map_type.value_type)})"
    return "" if kind is None else kind


def info(v):
    out = {"name": v.name, "type": type_text(v.type)}
    kind = v.type.WhichOneof("value")
    if kind in ("tensor_type", "sparse_tensor_type") and getattr(v.type, kind).HasField("shape"):
        out["shape"] = [d.dim_value if d.HasField("dim_value") and d.dim_value >= 0 else
                        (d.dim_param if d.HasField("dim_param") else "") for d in getattr(v.type, kind).shape.dim]
    return out


def tensors_of_graph(graph, out):
    out.extend(graph.initializer)
    for sparse in graph.sparse_initializer:
        out.extend((sparse.values, sparse.indices))
    for node in graph.node:
        tensors_of_node(node, out)


def tensors_of_node(node, out):
    for a in node.attribute:
        if a.HasField("t"):
            out.append(a.t)
        out.extend(a.tensors)
        if a.HasField("sparse_tensor"):
            out.extend((a.sparse_tensor.values, a.sparse_tensor.indices))
        for graph in ([a.g] if a.HasField("g") else []) + list(a.graphs):
            tensors_of_graph(graph, out)


def tensor_name(t):
    name = onnx.TensorProto.DataType.Name(t.data_type)
    return {"FLOAT": "float", "DOUBLE": "double", "BOOL": "bool"}.get(name, name.lower())


def expect(what, found, wanted):
    if found != wanted:
        raise AssertionError(f"{what}: found {str(found)[:300]}, onnx says {str(wanted)[:300]}")


def compare_facts(facts, model):
    expect("ir_version", facts["ir_version"], model.ir_version)
    expect("opsets", facts["opset_imports"], [[o.domain, o.version] for o in model.opset_import])
    expect("graph", facts["graph"], model.graph.name)
    given = {t.name for t in model.graph.initializer} | {s.values.name for s in model.graph.sparse_initializer}
    expect("inputs", facts["inputs"], [info(i) for i in model.graph.input if i.name not in given])
    expect("defaulted", facts["defaulted"], [info(i) for i in model.graph.input if i.name in given])
    expect("outputs", facts["outputs"], [info(o) for o in model.graph.output])
    expect("nodes", facts["nodes"], [[n.op_type, n.domain, n.name, list(n.input), list(n.output)] for n in model.graph.node])
    tensors = []
    tensors_of_graph(model.graph, tensors)
    for function in model.functions:
        for node in function.node:
            tensors_of_node(node, tensors)
    key = lambda c: json.dumps(c)
    expect("constants", sorted(([c[0], c[1], c[2]] for c in facts["constants"]), key=key),
           sorted(([t.name, tensor_name(t), list(t.dims)] for t in tensors), key=key))


def is_valid(path):
    try:
        onnx.checker.check_model(path, full_check=True)
        return True
    except Exception:
        return False


def run_both(original, annotated):
    """ONNX Runtime gives equal outputs for both files, where it takes the original at all."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    providers = ["CPUExecutionProvider"]
    try:
        first = onnxruntime.InferenceSession(original, options, providers=providers)
    except Exception:
        return False
    second = onnxruntime.InferenceSession(annotated, options, providers=providers)
    expect("ONNX Runtime's inputs", [i.name for i in second.get_inputs()], [i.name for i in first.get_inputs()])
    numpy_types = {"tensor(float)": np.float32, "tensor(int32)": np.int32, "tensor(int64)": np.int64}
    feeds = {}
    for i in first.get_inputs():
        if i.type not in numpy_types:
            return True
        shape = [d if isinstance(d, int) else 32 for d in i.shape]
        feeds[i.name] = np.ones(shape, numpy_types[i.type])
    try:
        wanted = first.run(None, feeds)
    except Exception:
        return True
    found = second.run(None, feeds)
    for a, b in zip(wanted, found):
        if not isinstance(a, np.ndarray):
            continue
        if a.dtype.kind in "fiub" and not np.array_equal(a, b, equal_nan=a.dtype.kind == "f"):
            raise AssertionError("ONNX Runtime computes something else on the annotated model")
    return True


RANDOM = ("random", "bernoulli", "dropout", "multinomial")


def judge(name, source, made):
    result = json.load(open(os.path.join(made, name + ".json")))
    if "error" in result:
        raise AssertionError("refused: " + result["error"])
    path, annotated = os.path.join(source, name), os.path.join(made, name)
    model = onnx.load(path, load_external_data=False)
    compare_facts(result, model)
    if not result["strip_is_inverse"]:
        raise AssertionError("strip does not give the original back")
    marked = onnx.load(annotated, load_external_data=False)
    for a, b in zip(model.graph.node, marked.graph.node):
        expect("node metadata", b.metadata_props[-1].key, "org.onnxpack.scope")
        del b.metadata_props[len(a.metadata_props):]
    del marked.metadata_props[len(model.metadata_props):]
    expect("the annotated model but for metadata", marked == model, True)
    if scope_digest is not None:
        expect("the scope digest", result["digest"], scope_digest(path))
    valid = is_valid(path)
    expect("the checker's verdict on the annotated model", is_valid(annotated), valid)
    examined = result["examined"]
    if valid and "check_error" in examined:
        raise AssertionError("onnx accepts it, we do not: " + examined["check_error"])
    # onnx's inference does not read external shape tensors; ours does.
    if not valid and "check" in examined and not examined["check"]["unknown"] and ".external." not in name:
        raise AssertionError("onnx refuses it, we do not")
    ran = onnxruntime is not None and not any(word in name for word in RANDOM) and run_both(path, annotated)
    return valid, bool(ran)


def main():
    unit = sys.argv[1]
    with tempfile.TemporaryDirectory() as work:
        source, made = os.path.join(work, "in"), os.path.join(work, "out")
        os.mkdir(source), os.mkdir(made)
        if len(sys.argv) > 2:
            source = sys.argv[2]
        else:
            print(f"{node_tests(source)} node tests of onnx {onnx.__version__}, {real_models(source)} real models")
        env = dict(os.environ, ONNXPACK_PROBE_IN=source, ONNXPACK_PROBE_OUT=made)
        subprocess.run([unit, "[.probe]"], env=env, check=True, stdout=subprocess.DEVNULL)
        for name in os.listdir(source):  # external data, for the annotated models
            if not name.endswith(".onnx"):
                shutil.copy(os.path.join(source, name), made)
        names = sorted(n for n in os.listdir(source) if n.endswith(".onnx"))
        failures, valid, ran = [], 0, 0
        for name in names:
            try:
                one_valid, one_ran = judge(name, source, made)
                valid, ran = valid + one_valid, ran + one_ran
            except AssertionError as error:
                failures.append(f"{name}: {error}")
        for failure in failures[:40]:
            print("FAILED", failure)
        print(f"{len(names)} models, {valid} valid by onnx's full check, {ran} opened in ONNX Runtime, {len(failures)} failed")
        digests = {}
        for name in names:
            result = json.load(open(os.path.join(made, name + ".json")))
            stem = name.removesuffix(".onnx")
            if name.endswith(".external.onnx"):
                base = json.load(open(os.path.join(made, stem.removesuffix(".external") + ".onnx.json")))
                digests[name] = base["digest"] == result["digest"]
        if not all(digests.values()):
            print("FAILED digests change with external storage:", [n for n, same in digests.items() if not same])
            return 1
        return 1 if failures or not names else 0


if __name__ == "__main__":
    sys.exit(main())
