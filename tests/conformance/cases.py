"""The cases. Each is a function whose docstring says what is promised; it raises Failure where the backend breaks it."""

import json
import struct

import onnx_files
from harness import Failure, Skip, expect


class Case:
    def __init__(self, run):
        self.name = run.__name__.replace("_", "-")
        self.run = run


ALL = []


def case(run):
    ALL.append(Case(run))
    return run


@case
def describe_answers(backend):
    """describe names itself, protocol 1.0, its verbs, and whom it serves"""
    answer = backend.describe()
    expect(answer["name"] == backend.name, f"calls itself {answer['name']!r}, the program is named {backend.name!r}")
    expect(answer["protocol"]["min"].startswith("1."), f"protocol {answer['protocol']} does not reach 1.0")
    expect({"describe", "compile"} <= set(answer["verbs"]), f"verbs {answer['verbs']} lack describe or compile")
    expect(answer.get("serves"), "serves nobody")
    for option in answer.get("options", []):
        expect("schema" in option, f"option {option['name']} has no schema")


@case
def describe_repeats(backend):
    """describe says the same twice: it is part of the build key"""
    expect(backend.describe() == backend.describe(), "two answers differ")


@case
def works_without_events(backend):
    """without ONNX_PACK_EVENTS_FD, called by hand, it works the same"""
    backend.answer("describe", {}, with_events=False)
    backend.answer("compile", backend.question(backend.put_model()), with_events=False)


@case
def ignores_later_fields(backend):
    """fields of a later minor version do no harm"""
    backend.answer("describe", {"a_later_field": {"x": 1}})
    backend.answer("compile", backend.question(backend.put_model(), a_later_field=[1]))


@case
def refuses_other_protocols(backend):
    """a request of protocol 2.0 gets an exit code, not an answer"""
    call = backend.call("describe", {"protocol": "2.0"})
    expect(call.code != 0, "ended with exit code 0")


@case
def refuses_unknown_verbs(backend):
    """an unknown verb gets an exit code, not an answer"""
    call = backend.call("dance", {})
    expect(call.code != 0 and call.response is None, f"exit code {call.code}, response {call.response}")


@case
def refuses_broken_requests(backend):
    """a request that is no JSON gets an exit code, not an answer"""
    call = backend.call("compile", {}, raw_request='{"protocol": "1.0", ')
    expect(call.code != 0 and call.response is None, f"exit code {call.code}, response {call.response}")


@case
def compiles(backend):
    """a model of two nodes gives blobs, with requirements and full account of its nodes"""
    answer, _ = backend.compiled(backend.put_model())
    for variant in answer["variants"]:
        expect(variant.get("requirements"), "a variant without requirements would be selected anywhere")
        expect(variant.get("precision"), "a variant without a declared precision cannot be verified")
        expect(variant["coverage"]["covered_nodes"] > 0, "covers no node")
        expect(variant["coverage"]["covered_nodes"] <= variant["coverage"]["total_nodes"], "covers more than all")
        expect(variant.get("tools"), "names no tool with its version")


@case
def compiles_external_data(backend):
    """weights in a file beside the model are found"""
    backend.compiled(backend.put_model(external=True))


@case
def same_request_same_bytes(backend):
    """a backend that calls itself deterministic is, whatever the number of threads"""
    if not backend.describe().get("deterministic"):
        raise Skip("describe does not promise it")
    component = backend.put_model()
    first, first_blobs = backend.compiled(component, threads=1)
    second, second_blobs = backend.compiled(component, threads=2)
    expect(first == second, "two answers differ")
    different = [path for path in first_blobs if first_blobs[path] != second_blobs.get(path)]
    expect(not different, f"blobs differ: {different}")


@case
def leaves_the_model_alone(backend):
    """the component's files are neither changed nor added to, and nothing else appears in the work folder"""
    backend.compiled(backend.put_model(external=False))
    expect((backend.folder / "components/model/model.onnx").read_bytes() == onnx_files.add_relu(), "the model changed")
    files = sorted(path.name for path in (backend.folder / "components/model").iterdir())
    expect(files == ["model.onnx"], f"beside the model: {files}")
    known = {"components", "out", "scratch", "tmp", "request.json", "response.json", "log.txt"}
    strange = sorted(path.name for path in backend.folder.iterdir() if path.name not in known)
    expect(not strange, f"left in the work folder: {strange}")


def refused_or_failed(backend, response, what):
    expect(response["status"] in ("refused", "error"), f"{what}: status {response['status']}")
    expect(len(response["reason"]) > 10, f"{what}: the reason {response['reason']!r} says nothing")


@case
def damaged_models_are_answered(backend):
    """text, an empty file and a truncated model are refused in words, not by a crash"""
    whole = onnx_files.add_relu()
    for what, content in (("text", b"this is not a model"), ("empty", b""), ("truncated", whole[: len(whole) // 2])):
        refused_or_failed(backend, backend.compile(backend.put_model(content)), what)


@case
def missing_weights_are_answered(backend):
    """an external data file that is not there is refused in words"""
    component = backend.put_model(onnx_files.add_relu("weights.bin"))
    refused_or_failed(backend, backend.compile(component), "missing weights")


@case
def unknown_operators_are_answered(backend):
    """an operator that nobody knows is refused, naming it"""
    content = onnx_files.model([onnx_files.node("Frobnicate", ["x"], ["y"])], [("x", [2, 3])], [("y", [2, 3])], [])
    response = backend.compile(backend.put_model(content))
    refused_or_failed(backend, response, "Frobnicate")
    expect("Frobnicate" in response["reason"], f"the reason does not name it: {response['reason']!r}")


@case
def missing_model_is_answered(backend):
    """a model file that is not there is refused in words"""
    component = {"name": "model", "model": "components/model/model.onnx"}
    refused_or_failed(backend, backend.compile(component), "missing model")


@case
def unknown_options_are_named(backend):
    """an option it does not have is refused by its name"""
    response = backend.compile(backend.put_model(), options={"no-such-option": 1})
    refused_or_failed(backend, response, "no-such-option")
    expect("no-such-option" in response["reason"], f"the reason does not name it: {response['reason']!r}")


@case
def unserved_targets_are_refused(backend):
    """a target that it does not serve is refused, should the host ask all the same"""
    target = {"format": "onnx-pack/target", "schema_version": "1.0", "name": "toaster",
              "facts": {"os.name": ["none"], "arch.name": ["z80"], "accelerator.class": ["heater"]}}
    response = backend.compile(backend.put_model(), target=target)
    refused_or_failed(backend, response, "toaster")


@case
def plan_answers(backend):
    """plan says what compile would cover"""
    backend.needs_verb("plan")
    question = backend.question(backend.put_model())
    for field in ("output_dir", "variant_name"):
        question.pop(field)
    answer = backend.answer("plan", question).response
    expect(answer["status"] == "ok", f"{answer['status']}: {answer.get('reason')}")
    expect(answer["coverage"]["total_nodes"] == 2, f"counts {answer['coverage']['total_nodes']} nodes of 2")


@case
def probe_answers(backend):
    """probe gives facts that start with their namespace"""
    backend.needs_verb("probe")
    answer = backend.answer("probe", {}).response
    expect(answer["status"] == "ok", f"{answer['status']}: {answer.get('reason')}")
    for feature in answer.get("facts", {}):
        expect("." in feature, f"feature {feature} has no namespace")


def check_outputs(backend, answer):
    if answer["status"] == "refused":
        raise Skip(f"cannot run here: {answer['reason']}")
    expect(answer["status"] == "ok", f"run: {answer['status']}: {answer.get('reason')}")
    expect([output["name"] for output in answer["outputs"]] == ["y"], f"outputs {answer['outputs']}")
    output = answer["outputs"][0]
    expect(output["type"] == "tensor(float)" and output["shape"] == [2, 3], f"output {output}")
    content = (backend.folder / "run-out" / output["path"]).read_bytes()
    values = list(struct.unpack(f"<{len(content) // 4}f", content))
    expect(values == onnx_files.Y, f"expected {onnx_files.Y}, found {values}")
    expect(answer.get("runtime"), "names no runtime")
    expect("timings" in answer and answer["timings"]["runs"] == 3, f"timings {answer.get('timings')}")


@case
def runs_the_original(backend):
    """run computes the original graph, timed"""
    backend.needs_verb("run")
    backend.put_model()
    check_outputs(backend, backend.answer("run", backend.run_request(original=True)).response)


def place_variant(backend, variant, blobs):
    """Puts blobs where the package has them, and returns the variant as a run request has it."""
    name = f"test-{backend.name}{variant.get('suffix', '')}"
    partitions = []
    for partition in variant["partitions"]:
        placed = []
        for blob in partition["blobs"]:
            path = f"variants/{name}/{blob['path']}"
            (backend.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (backend.folder / path).write_bytes(blobs[blob["path"]])
            placed.append({"path": path, "role": blob["role"]})
        partitions.append({"scope": partition["scope"], "blobs": placed})
    kept = ("ep", "device", "compatibility_string", "precision", "fixed_shapes", "executor_info")
    return {"name": name, "partitions": partitions, **{key: variant[key] for key in kept if key in variant}}


@case
def runs_what_it_compiled(backend):
    """run computes each compiled variant, with the original's result"""
    backend.needs_verb("run")
    answer, blobs = backend.compiled(backend.put_model())
    for variant in answer["variants"]:
        request = backend.run_request(variant=place_variant(backend, variant, blobs))
        check_outputs(backend, backend.answer("run", request).response)


@case
def damaged_blobs_are_answered(backend):
    """a blob that is not what it compiled is an error in words, not a crash"""
    backend.needs_verb("run")
    answer, blobs = backend.compiled(backend.put_model())
    variant = answer["variants"][0]
    damaged = {path: b"\0" * len(content) for path, content in blobs.items()}
    request = backend.run_request(variant=place_variant(backend, variant, damaged))
    refused_or_failed(backend, backend.answer("run", request).response, "zeroed blob")


@case
def wrong_inputs_are_named(backend):
    """an input that is missing, or too short, is an error that names it"""
    backend.needs_verb("run")
    backend.put_model()
    request = backend.run_request(original=True)
    if backend.answer("run", request).response["status"] == "refused":
        raise Skip("cannot run the original")
    missing = {**request, "inputs": []}
    short = json.loads(json.dumps(request))
    short["inputs"][0]["path"] = "short.bin"
    (backend.folder / "short.bin").write_bytes(b"\0" * 5)
    for what, broken in (("missing input", missing), ("short input", short)):
        response = backend.answer("run", broken).response
        refused_or_failed(backend, response, what)
        if "x" not in response["reason"].replace("expected", ""):
            raise Failure(f"{what}: the reason does not name it: {response['reason']!r}")
